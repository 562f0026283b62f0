import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findJsonProblem, findTextProblem, toStorableJson, toStorableText } from "../../src/json.ts";
import { anyText } from "../support/any-text.ts";

const NO_WORD = "which JSON has no word for";
const NUL = "contains a NUL character (\\u0000), which Postgres cannot store";
const HALF = "contains half of a surrogate pair, which Postgres cannot store";

function problemOf(value: unknown): string | undefined {
  const found = findJsonProblem(value, "args");
  return found && `${found.path} ${found.problem}`;
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? { in: value } : [value];
  return value;
}

function circle(): unknown {
  const inner: Record<string, unknown> = { list: [{}] };
  (inner["list"] as unknown[])[0] = inner;
  return { inner };
}

class Money {
  readonly cents = 5;
}

describe("what JSON can say", () => {
  test.each([
    ["null", null],
    ["booleans", [true, false]],
    ["numbers", [0, -0, 1.5, Number.MAX_VALUE, Number.MIN_VALUE, Number.MAX_SAFE_INTEGER, -1e-300]],
    ["texts", ["", "é", "😀", '"\\', "\u0001\u001f", "\u2028", "\uffff", "NULL"]],
    ["objects", { a: { b: [{}, []] } }],
    ["keys of any kind", { "": 1, "a.b": 2, "😀": 3, constructor: 4, length: 5, "0": 6 }],
    ["objects without a prototype", Object.assign(Object.create(null), { a: 1 })],
    ["frozen objects", Object.freeze({ a: Object.freeze([1]) })],
    ["the same object in two places", ((shared) => ({ one: shared, other: [shared, shared] }))({ a: 1 })],
    ["what JSON.parse makes of __proto__", JSON.parse('{"__proto__": {"a": 1}}')],
    ["objects of another realm, as under Jest", runInNewContext("({ a: [1, { b: 2 }] })")],
    ["500 levels", nested(500)],
  ])("has no problem: %s", (_what, value) => {
    expect(problemOf(value)).toBeUndefined();
  });

  test("is all that JSON.parse can make of texts without NUL", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        fc.pre(!JSON.stringify(value).includes("\\u0000"));
        expect(problemOf(JSON.parse(JSON.stringify(value)))).toBeUndefined();
      }),
    );
  });
});

describe("what JSON cannot say", () => {
  test.each([
    ["undefined", { a: undefined }, `args.a is undefined, ${NO_WORD}: leave it out or use null`],
    ["undefined in an array", [1, undefined], `args[1] is undefined, ${NO_WORD}: leave it out or use null`],
    ["a hole in an array", { a: new Array(3) }, `args.a[0] is undefined, ${NO_WORD}: leave it out or use null`],
    ["NaN", { a: [Number.NaN] }, `args.a[0] is NaN, ${NO_WORD}`],
    ["Infinity", { a: Number.POSITIVE_INFINITY }, `args.a is Infinity, ${NO_WORD}`],
    ["-Infinity", { a: Number.NEGATIVE_INFINITY }, `args.a is -Infinity, ${NO_WORD}`],
    ["a bigint", { id: 5n }, `args.id is a bigint, ${NO_WORD}`],
    ["a function", { a: () => 1 }, `args.a is a function, ${NO_WORD}`],
    ["a method", { a() {} }, `args.a is a function, ${NO_WORD}`],
    ["a toJSON method", { a: 1, toJSON: () => ({}) }, `args.toJSON is a function, ${NO_WORD}`],
    ["a symbol", { a: Symbol("x") }, `args.a is a symbol, ${NO_WORD}`],
    ["NUL", { a: ["x\u0000"] }, `args.a[0] ${NUL}`],
    ["NUL in a key", { a: { "x\u0000": 1 } }, `the key "x\\u0000" of args.a ${NUL}`],
    ["a high surrogate", { a: "x\ud83d" }, `args.a ${HALF}`],
    ["a low surrogate", { a: "\ude00x" }, `args.a ${HALF}`],
    ["surrogates in the wrong order", { a: "\ude00\ud83d" }, `args.a ${HALF}`],
    ["a surrogate in a key", { "\ud83d": 1 }, `the key "\\ud83d" of args ${HALF}`],
    ["a circle", circle(), "args.inner.list[0] refers back to an object that contains it"],
    ["501 levels", { a: nested(500) }, /^args\.a[.[\]in0]+ is nested deeper than 500 levels$/],
  ])("is found where it is: %s", (_what, value, expected) => {
    if (typeof expected === "string") expect(problemOf(value)).toBe(expected);
    else expect(problemOf(value)).toMatch(expected);
  });

  test.each([
    ["Date", new Date(0)],
    ["Map", new Map([[1, 2]])],
    ["Set", new Set([1])],
    ["Money", new Money()],
    ["Uint8Array", new Uint8Array(2)],
    ["Buffer", Buffer.from("x")],
    ["Error", new Error("x")],
    ["RegExp", /x/],
    ["URL", new URL("https://example.org")],
    ["Promise", Promise.resolve(1)],
    ["String", Object("boxed")],
    ["Number", Object(5)],
    ["Date", runInNewContext("new Date(0)")],
    ["Map", runInNewContext("new Map()")],
  ])("is an object with a class: %s", (name, value) => {
    expect(problemOf({ a: { b: value } })).toBe(
      `args.a.b is a ${name} object: turn it into plain JSON, a Date with toISOString()`,
    );
  });

  test("is an object that inherits, for JSON would leave out what it inherits", () => {
    expect(problemOf(Object.create({ inherited: 1 }))).toMatch(/^args is a Object object/);
  });

  test("is an array that would be written as something else", () => {
    expect(problemOf({ list: Object.assign([1, 2], { toJSON: () => "else" }) })).toMatch(/^args\.list has a toJSON/);
  });

  test("is what a getter throws", () => {
    const value = {
      get a(): number {
        throw new RangeError("no");
      },
    };
    expect(() => problemOf(value)).toThrow(RangeError);
  });

  test("is found in any depth without running out of stack", () => {
    expect(problemOf(nested(1_000_000))).toMatch(/is nested deeper than 500 levels$/);
  });

  test("is found or harmless, whatever the value is: what passes survives JSON", () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withSparseArray: true, withBigInt: true }), (value) => {
        if (problemOf(value) !== undefined) return;
        // -0 becomes 0, which is the same number to all that compare.
        const canonical = JSON.stringify(value);
        expect(JSON.stringify(JSON.parse(canonical))).toBe(canonical);
        expect(canonical).not.toMatch(/\\u0000|\\ud[89a-f]/);
      }),
      { numRuns: 500 },
    );
  });
});

describe("a text", () => {
  test("has a problem when it holds NUL or half of a surrogate pair, and else none", () => {
    fc.assert(
      fc.property(anyText(), (text) => {
        const problem = text.includes("\u0000") ? NUL : /\p{Surrogate}/u.test(text) ? HALF : undefined;
        expect(findTextProblem(text, "lock")?.problem).toBe(problem);
      }),
    );
    expect(findTextProblem("a\udc00", "lock")).toEqual({ path: "lock", problem: HALF });
  });

  test("becomes storable by replacing no more than what Postgres cannot store", () => {
    expect(toStorableText("a\u0000b\ud800c😀\u0000")).toBe("a\uFFFDb\uFFFDc😀\uFFFD");
    fc.assert(
      fc.property(anyText(), (text) => {
        const stored = toStorableText(text);
        expect(findTextProblem(stored, "message")).toBeUndefined();
        expect(stored.length).toBe(text.length);
        if (findTextProblem(text, "message") === undefined) expect(stored).toBe(text);
      }),
    );
  });
});

describe("a value that comes from a run", () => {
  test("is stored as JSON.stringify writes it, with its texts mended, whatever it is", () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withDate: true, withMap: true }), anyText(), (value, text) => {
        const stored = toStorableJson({ [text]: value, text }, 10_000_000);
        if ("problem" in stored) throw new Error(stored.problem);
        expect(problemOf(JSON.parse(stored.json))).toBeUndefined();
        const plain = JSON.stringify({ [text]: value, text });
        if (!/\\u0000|\\ud[89a-f]/.test(plain)) expect(stored.json).toBe(plain);
      }),
      { numRuns: 500 },
    );
  });

  test("is left out with a reason where there is no JSON of it, or too much", () => {
    expect(toStorableJson(undefined, 10)).toEqual({ problem: "is of type undefined, which JSON has no word for" });
    expect(toStorableJson("€€€", 10)).toEqual({ problem: "has 11 bytes of JSON: 10 at most" });
    expect(toStorableJson("€€", 10)).toEqual({ json: '"€€"' });
    const thrower = { toJSON: () => Promise.reject.call(1) };
    expect(toStorableJson(thrower, 10)).toEqual({ problem: expect.stringContaining("is no JSON: ") });
  });
});
