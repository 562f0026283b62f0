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
export function findJsonProblem(value: unknown, path: string): JsonProblem | undefined {
  const found = findProblem(value, []);
  return found && { path: `${found.key ?? ""}${path}${found.place}`, problem: found.problem };
}

/** The place is put together on the way back: nearly always there is none, and texts for each would be most of the work. */
interface Found {
  /** `the key "a" of `, where that is the problem. */
  readonly key?: string;
  readonly place: string;
  readonly problem: string;
}

/** @param ancestors The objects and arrays that it is in; the same array all the way. */
function findProblem(value: unknown, ancestors: object[]): Found | undefined {
  switch (typeof value) {
    case "boolean":
      return undefined;
    case "number":
      return Number.isFinite(value) ? undefined : { place: "", problem: `is ${value}, which JSON has no word for` };
    case "string": {
      const problem = textProblem(value);
      return problem === undefined ? undefined : { place: "", problem };
    }
    case "object":
      return value === null ? undefined : findObjectProblem(value, ancestors);
    case "undefined":
      return { place: "", problem: "is undefined, which JSON has no word for: leave it out or use null" };
    default:
      return { place: "", problem: `is a ${typeof value}, which JSON has no word for` };
  }
}

export function findTextProblem(text: string, path: string): JsonProblem | undefined {
  const problem = textProblem(text);
  return problem === undefined ? undefined : { path, problem };
}

/** jsonb holds neither the NUL character nor half of a surrogate pair. */
function textProblem(text: string): string | undefined {
  if (text.includes(NUL)) return "contains a NUL character (\\u0000), which Postgres cannot store";
  if (!text.isWellFormed()) return "contains half of a surrogate pair, which Postgres cannot store";
  return undefined;
}

/** The text with what Postgres cannot store replaced by U+FFFD: for error messages, which must be recorded whatever they say. */
export function toStorableText(text: string): string {
  return text.toWellFormed().replaceAll(NUL, "\uFFFD");
}

function findObjectProblem(value: object, ancestors: object[]): Found | undefined {
  if (ancestors.includes(value)) return { place: "", problem: "refers back to an object that contains it" };
  if (ancestors.length >= MAX_DEPTH) return { place: "", problem: `is nested deeper than ${MAX_DEPTH} levels` };
  ancestors.push(value);
  const found = Array.isArray(value) ? findListProblem(value, ancestors) : findPropertyProblem(value, ancestors);
  ancestors.pop();
  return found;
}

function findPropertyProblem(value: object, ancestors: object[]): Found | undefined {
  if (!isPlain(value)) {
    const problem = `is a ${value.constructor?.name ?? "class"} object: turn it into plain JSON, a Date with toISOString()`;
    return { place: "", problem };
  }
  // Not its entries: an array for each is much where 50,000 jobs are checked.
  for (const key of Object.keys(value)) {
    const problem = textProblem(key);
    if (problem !== undefined) return { key: `the key ${JSON.stringify(key)} of `, place: "", problem };
    const found = findProblem((value as Readonly<Record<string, unknown>>)[key], ancestors);
    if (found) return { ...found, place: `.${key}${found.place}` };
  }
  return undefined;
}

function findListProblem(list: readonly unknown[], ancestors: object[]): Found | undefined {
  if ("toJSON" in list) return { place: "", problem: "has a toJSON that would write it as something else" };
  for (let index = 0; index < list.length; index++) {
    const found = findProblem(list[index], ancestors);
    if (found) return { ...found, place: `[${index}]${found.place}` };
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
