import { InvalidOptionError } from "../errors.ts";
import { checkName } from "../option-checks.ts";

/**
 * Names something that workers hand to handlers: a database, a mailer. Made once, beside its type, and imported by
 * those who give it and those who ask for it.
 */
export interface ContextKey<Value> {
  readonly name: string;
  /** For the option `context` of a worker: handlers get this value from `context.get(key)`. */
  with(value: Value): ContextValue;
}

/** A value that handlers can ask for. Made by `key.with(value)`. */
export interface ContextValue {
  readonly key: ContextKey<never>;
  readonly value: unknown;
}

/**
 * Makes a key for something that handlers get from their context, without an import of it.
 *
 * @param name For error messages. The keys that a worker has values for have different names.
 * @throws InvalidOptionError when the name is empty.
 */
export function contextKey<Value>(name: string): ContextKey<Value> {
  const key: ContextKey<Value> = Object.freeze({
    name: checkName("contextKey", name),
    with: (value: Value): ContextValue => ({ key, value }),
  });
  return key;
}

/** What a worker hands to its handlers, by key. */
export class ContextValues {
  readonly #values = new Map<unknown, unknown>();
  readonly #names = new Set<string>();

  /**
   * @throws InvalidOptionError when `values` is not a list of what `key.with` gives, or has two values of one key or of
   * two keys of one name: which of them a handler meant could not be told from an error message.
   */
  constructor(values: readonly ContextValue[]) {
    if (!Array.isArray(values))
      throw new InvalidOptionError("context", values, "is not a list. Write [key.with(value)].");
    for (const given of values as readonly ContextValue[]) {
      if (typeof given?.key?.with !== "function")
        throw new InvalidOptionError("context", given, "was not made by key.with(value).");
      this.#add(given);
    }
  }

  #add({ key, value }: ContextValue): void {
    const { name } = key;
    if (this.#values.has(key)) throw new InvalidOptionError("context", name, "is given two values. Give it one.");
    if (this.#names.has(name)) {
      const fix = "is the name of two keys. Make the key once and import it, or give each its own name.";
      throw new InvalidOptionError("context", name, fix);
    }
    this.#values.set(key, value);
    this.#names.add(name);
  }

  /** @throws InvalidOptionError when the worker has no value for the key. */
  get<Value>(key: ContextKey<Value>): Value {
    if (this.#values.has(key)) return this.#values.get(key) as Value;
    if (this.#names.has(key?.name)) {
      const fix =
        "has a value here under another key of that name. Make the key once and import it where it is asked for.";
      throw new InvalidOptionError("context.get", key.name, fix);
    }
    const fix = `has no value here. Give one to the worker: createWorker({ context: [${key?.name}.with(value)] }).`;
    throw new InvalidOptionError("context.get", key?.name, fix);
  }
}
