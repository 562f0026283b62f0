/** What JSON can say. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export type JsonObject = { readonly [key: string]: JsonValue };

/**
 * `T` where it is JSON, and `never` in each place where it is not (Date, bigint, function, symbol, Map, class with
 * methods), so that passing such a value is a compile error there. Optional properties are fine. `{}`, which to
 * TypeScript is anything, is an object without properties.
 */
export type JsonCompatible<T> = [T] extends [Record<string, never>] ? Record<string, never> : JsonPart<T>;

type JsonPart<T> = T extends JsonValue
  ? T
  : T extends NotJson
    ? never
    : T extends object
      ? {
          [K in keyof T]: Record<never, never> extends Pick<T, K> ? JsonPart<Exclude<T[K], undefined>> : JsonPart<T[K]>;
        }
      : unknown extends T
        ? JsonValue
        : never;

type NotJson =
  | bigint
  | symbol
  | undefined
  | Date
  | RegExp
  | ((...args: never) => unknown)
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>;

/** A place inside a value that JSON cannot say. */
export interface JsonProblem {
  readonly path: string;
  readonly problem: string;
}

const NUL = "\u0000";

/**
 * Finds the first place in `value` that Postgres could not store as jsonb and give back the same:
 * JSON.stringify would drop it, change it without a word, or Postgres would refuse it.
 */
export function findJsonProblem(
  value: unknown,
  path: string,
  ancestors: readonly object[] = [],
): JsonProblem | undefined {
  switch (typeof value) {
    case "boolean":
      return undefined;
    case "number":
      return Number.isFinite(value) ? undefined : { path, problem: `is ${value}, which JSON has no word for` };
    case "string":
      return findTextProblem(value, path);
    case "object":
      return value === null ? undefined : findObjectProblem(value, path, ancestors);
    case "undefined":
      return { path, problem: "is undefined, which JSON has no word for: leave it out or use null" };
    default:
      return { path, problem: `is a ${typeof value}, which JSON has no word for` };
  }
}

/** jsonb holds neither the NUL character nor half of a surrogate pair. */
export function findTextProblem(text: string, path: string): JsonProblem | undefined {
  if (text.includes(NUL)) return { path, problem: "contains a NUL character (\\u0000), which Postgres cannot store" };
  if (!text.isWellFormed()) return { path, problem: "contains half of a surrogate pair, which Postgres cannot store" };
  return undefined;
}

/** The text with what Postgres cannot store replaced by U+FFFD: for error messages, which must be recorded whatever they say. */
export function toStorableText(text: string): string {
  return text.toWellFormed().replaceAll(NUL, "\uFFFD");
}

function findObjectProblem(value: object, path: string, ancestors: readonly object[]): JsonProblem | undefined {
  if (ancestors.includes(value)) return { path, problem: "refers back to an object that contains it" };
  if (ancestors.length >= MAX_DEPTH) return { path, problem: `is nested deeper than ${MAX_DEPTH} levels` };
  const inside = [...ancestors, value];
  if (Array.isArray(value)) return findListProblem(value, path, inside);
  if (!isPlain(value)) {
    return {
      path,
      problem: `is a ${value.constructor?.name ?? "class"} object: turn it into plain JSON, a Date with toISOString()`,
    };
  }
  for (const [key, item] of Object.entries(value)) {
    const found =
      findTextProblem(key, `the key ${JSON.stringify(key)} of ${path}`) ??
      findJsonProblem(item, `${path}.${key}`, inside);
    if (found) return found;
  }
  return undefined;
}

function findListProblem(list: readonly unknown[], path: string, inside: readonly object[]): JsonProblem | undefined {
  if ("toJSON" in list) return { path, problem: "has a toJSON that would write it as something else" };
  for (let index = 0; index < list.length; index++) {
    const found = findJsonProblem(list[index], `${path}[${index}]`, inside);
    if (found) return found;
  }
  return undefined;
}

/** Also an object of another realm, which has an Object.prototype of its own: under Jest, in edge runtimes. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

const MAX_DEPTH = 500;

/** How JSON.stringify writes what Postgres cannot store; or the same text after a backslash. */
const UNSTORABLE = /\\u0000|\\ud[89a-f]/;

/**
 * What JSON.stringify makes of a value, texts mended as by `toStorableText`; or what keeps it from being JSON. For what
 * comes from a run that is over: nobody could correct it.
 */
export function toStorableJson(
  value: unknown,
  maxBytes: number,
): { readonly json: string } | { readonly problem: string } {
  try {
    const text: string | undefined = JSON.stringify(value);
    if (text === undefined) return { problem: `is of type ${typeof value}, which JSON has no word for` };
    const json = UNSTORABLE.test(text) ? JSON.stringify(mendTexts(JSON.parse(text) as JsonValue)) : text;
    const bytes = Buffer.byteLength(json);
    return bytes > maxBytes ? { problem: `has ${bytes} bytes of JSON: ${maxBytes} at most` } : { json };
  } catch (error) {
    return { problem: `is no JSON: ${error instanceof Error ? error.message : typeof error}` };
  }
}

function mendTexts(value: JsonValue): JsonValue {
  if (typeof value === "string") return toStorableText(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(mendTexts);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [toStorableText(key), mendTexts(item)]));
}
