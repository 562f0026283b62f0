import { InvalidOptionError } from "./errors.ts";
import { MAX_NAME_LENGTH } from "./job.ts";
import { findTextProblem } from "./json.ts";

/** Postgres's int4. */
const MIN_PRIORITY = -2_147_483_648;
const MAX_PRIORITY = 2_147_483_647;

/** @throws InvalidOptionError when `options` is no object or has a key that is not in `known`. */
export function checkKnownOptions(where: string, options: object, known: readonly string[]): void {
  if (typeof options !== "object" || options === null) {
    throw new InvalidOptionError(where, options, "is not an object of options.");
  }
  for (const [key, value] of Object.entries(options)) {
    if (!known.includes(key)) {
      throw new InvalidOptionError(
        `${where}.${key}`,
        value,
        `belongs to an option that does not exist. The options are ${known.join(", ")}.`,
      );
    }
  }
}

/** @throws InvalidOptionError when `name` is not a storable text of 1 to 128 characters. */
export function checkName(option: string, name: unknown): string {
  if (typeof name !== "string" || name.length === 0) {
    throw new InvalidOptionError(option, name, `is not a name. Give it 1 to ${MAX_NAME_LENGTH} characters.`);
  }
  // Postgres counts code points, like the iterator of a string does.
  if (name.length > MAX_NAME_LENGTH && [...name].length > MAX_NAME_LENGTH) {
    throw new InvalidOptionError(option, name, `has ${[...name].length} characters. Give it 1 to ${MAX_NAME_LENGTH}.`);
  }
  return checkText(option, name);
}

/** @throws InvalidOptionError when `text` is not a text that Postgres can store. */
export function checkText(option: string, text: unknown): string {
  if (typeof text !== "string") throw new InvalidOptionError(option, text, "is not a string.");
  const problem = findTextProblem(text, option);
  if (problem) throw new InvalidOptionError(option, text, `${problem.problem}.`);
  return text;
}

/** The longest lock: an index row of Postgres holds 2,704 bytes. */
const MAX_KEY_BYTES = 2000;

/** @throws InvalidOptionError when `key` is not a text of at most 2,000 bytes that Postgres can store. */
export function checkLockKey(option: string, key: unknown): string {
  const text = checkText(option, key);
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_KEY_BYTES) {
    throw new InvalidOptionError(
      option,
      text,
      `has ${bytes} bytes. Give it at most ${MAX_KEY_BYTES}: hash what is longer.`,
    );
  }
  return text;
}

/** @throws InvalidOptionError when `priority` is not an int4. */
export function checkPriority(option: string, priority: unknown): number {
  return checkInteger(option, priority, MIN_PRIORITY, MAX_PRIORITY);
}

/** @throws InvalidOptionError when `value` is not a whole number from `min` to `max`. */
export function checkInteger(option: string, value: unknown, min: number, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new InvalidOptionError(option, value, `is not a whole number from ${min} to ${max}.`);
}

/** @throws InvalidOptionError when `list` is not a list of functions. Absent: an empty one. */
export function checkFunctions<Each extends (...args: never) => unknown>(
  option: string,
  list: readonly Each[] | undefined,
): readonly Each[] {
  if (list === undefined) return [];
  if (Array.isArray(list) && list.every((each) => typeof each === "function")) return Object.freeze([...list]);
  throw new InvalidOptionError(option, list, "is not a list of functions.");
}

/** @throws InvalidOptionError when `value` is not a boolean. */
export function checkBoolean(option: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new InvalidOptionError(option, value, "is not true or false.");
}

/** @throws InvalidOptionError when `tx` cannot be a transaction of any ORM. */
export function checkTransaction(tx: unknown): void {
  if (typeof tx === "object" && tx !== null) return;
  throw new InvalidOptionError("tx", tx, "is not a transaction. Pass what your ORM hands to the callback.");
}
