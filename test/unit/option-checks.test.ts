import { describe, expect, test } from "vitest";
import { describe as describeValue } from "../../src/describe.ts";
import { InvalidOptionError } from "../../src/errors.ts";
import {
  checkInteger,
  checkKnownOptions,
  checkLockKey,
  checkName,
  checkPriority,
  checkText,
} from "../../src/option-checks.ts";

const NUL = "contains a NUL character (\\u0000), which Postgres cannot store.";
const HALF = "contains half of a surrogate pair, which Postgres cannot store.";

describe("a name", () => {
  test.each([
    "a",
    " ",
    "emails.sendWelcome",
    "x".repeat(128),
    "😀".repeat(128),
    "e\u0301".repeat(64),
    "\u0001",
    "null",
  ])("has 1 to 128 characters, as Postgres counts them: %s", (name) => {
    expect(checkName("queue", name)).toBe(name);
  });

  test.each<[unknown, string]>([
    ["", '"" is not a name. Give it 1 to 128 characters.'],
    [undefined, "undefined is not a name. Give it 1 to 128 characters."],
    [5, "5 is not a name. Give it 1 to 128 characters."],
    [["a"], "an array is not a name. Give it 1 to 128 characters."],
    ["x".repeat(129), `"${"x".repeat(60)}…" has 129 characters. Give it 1 to 128.`],
    ["a\u0000", `"a\\u0000" ${NUL}`],
    ["a\ud83d", `"a\\ud83d" ${HALF}`],
  ])("is nothing else: %s", (name, problem) => {
    expect(() => checkName("queue", name)).toThrow(InvalidOptionError);
    expect(() => checkName("queue", name)).toThrow(`queue: ${problem}`);
  });

  test("counts characters outside the basic plane once", () => {
    expect(() => checkName("queue", "😀".repeat(129))).toThrow("has 129 characters. Give it 1 to 128.");
    expect(() => checkName("queue", `${"x".repeat(127)}😀😀`)).toThrow("has 129 characters.");
  });
});

describe("a lock", () => {
  test.each(["", "x".repeat(2000), "😀".repeat(500), "é".repeat(1000)])("has at most 2,000 bytes", (key) => {
    expect(checkLockKey("lock", key)).toBe(key);
  });

  test.each(["x".repeat(2001), "😀".repeat(501), "é".repeat(1001)])("has no more bytes than that", (key) => {
    const bytes = Buffer.byteLength(key);
    expect(() => checkLockKey("lock", key)).toThrow(`has ${bytes} bytes. Give it at most 2000: hash what is longer.`);
  });

  test.each<[unknown, string]>([
    [5, "lock: 5 is not a string."],
    [null, "lock: null is not a string."],
    ["a\u0000", `lock: "a\\u0000" ${NUL}`],
    ["\ude00", `lock: "\\ude00" ${HALF}`],
  ])("is a text that Postgres can store: not %s", (key, message) => {
    expect(() => checkLockKey("lock", key)).toThrow(message);
    expect(() => checkText("lock", key)).toThrow(message);
  });
});

describe("a number", () => {
  test.each([-2_147_483_648, -1, -0, 0, 1, 2_147_483_647])("is a priority where it is an int4: %d", (priority) => {
    expect(checkPriority("priority", priority)).toBe(priority);
  });

  test.each([-2_147_483_649, 2_147_483_648, 0.5, Number.NaN, Number.POSITIVE_INFINITY, "5", 5n, null, true])(
    "is no priority otherwise: %s",
    (priority) => {
      expect(() => checkPriority("priority", priority)).toThrow(
        /^priority: .* is not a whole number from -2147483648 to 2147483647\.$/,
      );
    },
  );

  test("is inside its bounds", () => {
    expect([1, 2, 3].map((value) => checkInteger("n", value, 1, 3))).toEqual([1, 2, 3]);
    for (const value of [0, 4])
      expect(() => checkInteger("n", value, 1, 3)).toThrow("is not a whole number from 1 to 3.");
  });
});

describe("options", () => {
  test("are known, whatever their values are", () => {
    expect(() => checkKnownOptions("app", { a: undefined, b: null }, ["a", "b", "c"])).not.toThrow();
    expect(() => checkKnownOptions("app", Object.create(null), [])).not.toThrow();
  });

  test("that are unknown are named, with those that there are", () => {
    expect(() => checkKnownOptions("app", { a: 1, d: "x" }, ["a", "b"])).toThrow(
      'app.d: "x" belongs to an option that does not exist. The options are a, b.',
    );
    expect(() => checkKnownOptions("app", { toString: 1 }, ["a"])).toThrow("app.toString: 1 belongs to");
  });

  test.each([null, undefined, 5, "x", () => 1])("are an object: not %s", (options) => {
    expect(() => checkKnownOptions("app", options as never, [])).toThrow("is not an object of options.");
  });
});

test.each<[unknown, string]>([
  ["short", '"short"'],
  ['quo"te\n', '"quo\\"te\\n"'],
  ["x".repeat(1_000_000), `"${"x".repeat(60)}…"`],
  [5n, "5n"],
  [-0, "0"],
  [Symbol("x"), "Symbol(x)"],
  [() => "secret", "a function"],
  [{ password: "secret" }, "an object"],
  [new Date(Number.NaN), "a Date object"],
  [["secret"], "an array"],
  [Object.create(null), "a null-prototype object"],
  [{ constructor: null }, "a null-prototype object"],
  [undefined, "undefined"],
])("a bad value is described shortly and without what is in it: %s", (value, description) => {
  expect(describeValue(value)).toBe(description);
});
