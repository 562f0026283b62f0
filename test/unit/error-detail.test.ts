import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findJsonProblem } from "../../src/json.ts";
import { errorDetail } from "../../src/worker/error-detail.ts";

const RUN = { attempt: 3, workerId: 9n };

/** What is recorded of it, checked to be JSON that Postgres can store. */
function detailOf(thrown: unknown): Record<string, unknown> {
  const detail = errorDetail(thrown, RUN);
  expect(findJsonProblem(detail, "detail")).toBeUndefined();
  expect(JSON.stringify(detail).length).toBeLessThan(100_000);
  return detail;
}

function throwing(name: string): Error {
  const error = new Error("x");
  Object.defineProperty(error, name, {
    get() {
      throw new Error("no");
    },
  });
  return error;
}

describe("what is recorded of an error", () => {
  test("is its name, message and stack, the attempt and the worker", () => {
    class HttpError extends Error {
      override readonly name = "HttpError";
    }
    const error = new HttpError("404");
    expect(detailOf(error)).toEqual({ attempt: 3, worker: "9", name: "HttpError", message: "404", stack: error.stack });
  });

  test("is its causes, one inside the other", () => {
    const error = new Error("outer", { cause: new TypeError("inner", { cause: "innermost" }) });
    expect(detailOf(error)).toMatchObject({
      message: "outer",
      cause: { name: "TypeError", message: "inner", cause: { name: "string", message: "innermost" } },
    });
  });

  test("is a falsy cause too", () => {
    expect(detailOf(new Error("x", { cause: null }))).toMatchObject({ cause: { name: "object", message: "null" } });
    expect(detailOf(new Error("x"))).not.toHaveProperty("cause");
  });

  test("ends where causes go in a circle", () => {
    const error = new Error("round");
    error.cause = new Error("and round", { cause: error });
    let depth = 0;
    for (let at: unknown = detailOf(error); at; at = (at as { cause?: unknown }).cause) depth++;
    expect(depth).toBe(6);
  });

  test("is the message of an AggregateError", () => {
    const error = new AggregateError([new Error("one"), new Error("other")], "both failed");
    expect(detailOf(error)).toMatchObject({ name: "AggregateError", message: "both failed" });
  });

  test.each<[string, unknown, object]>([
    ["null", null, { name: "object", message: "null" }],
    ["undefined", undefined, { name: "undefined", message: "undefined" }],
    ["a text", "no", { name: "string", message: "no" }],
    ["a number", 5, { name: "number", message: "5" }],
    ["a bigint", 5n, { name: "bigint", message: "5" }],
    ["a symbol", Symbol("x"), { name: "symbol", message: "Symbol(x)" }],
    ["an object", { code: 5 }, { name: "object", message: '{"code":5}' }],
    ["an object without a prototype", Object.create(null), { name: "object", message: "{}" }],
    ["a function", Math.max, { name: "function", message: "function max() { [native code] }" }],
    ["an error with a number for a message", Object.assign(new Error("x"), { message: 5 }), { message: "5" }],
    ["an error without a stack", Object.assign(new Error("x"), { stack: undefined }), { message: "x", stack: "" }],
  ])("is a text for whatever was thrown: %s", (_what, thrown, expected) => {
    expect(detailOf(thrown)).toMatchObject(expected);
  });

  const circular: Record<string, unknown> = {};
  circular["self"] = circular;

  test.each<[string, unknown]>([
    ["an error whose message throws", throwing("message")],
    ["an error whose stack throws", throwing("stack")],
    ["an error whose cause throws", throwing("cause")],
    ["an error whose name throws", throwing("name")],
    ["an object in a circle", circular],
    ["an object that holds a bigint", { id: 5n }],
    ["an object whose toJSON throws", { toJSON: () => (5).toFixed(-1) }],
    ["an error with a symbol for a name", Object.assign(new Error("x"), { name: Symbol("x") })],
    ["an error whose message has no text", Object.assign(new Error("x"), { message: Object.create(null) })],
    ["a proxy that refuses everything", new Proxy({}, { get: () => (5).toFixed(-1) })],
  ])("is something even where it cannot be read: %s", (_what, thrown) => {
    expect(detailOf(thrown)).toMatchObject({
      attempt: 3,
      worker: "9",
      name: expect.any(String),
      message: expect.any(String),
    });
  });

  test("is cut where it is long", () => {
    const error = new Error("m".repeat(10_000_000));
    error.name = "N".repeat(10_000_000);
    const detail = detailOf(error) as { name: string; message: string; stack: string };
    expect(detail.message).toBe(`${"m".repeat(4000)}…`);
    expect(detail.name).toBe(`${"N".repeat(4000)}…`);
    expect(detail.stack.length).toBe(8001);
    expect(detailOf("t".repeat(10_000_000))["message"]).toBe(`${"t".repeat(4000)}…`);
    expect(detailOf("t".repeat(4000))["message"]).toBe("t".repeat(4000));
  });

  test("is storable where a text holds what Postgres cannot store, or is cut inside a character", () => {
    expect(detailOf(new Error("a\u0000b\ud800"))["message"]).toBe("a\uFFFDb\uFFFD");
    expect(detailOf(`${"t".repeat(3999)}😀`)["message"]).toBe(`${"t".repeat(3999)}\uFFFD…`);
  });

  test("never throws and is always storable", () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withNullPrototype: true }), fc.anything(), (thrown, cause) => {
        expect(detailOf(thrown)["message"]).toBeTypeOf("string");
        expect(
          detailOf(Object.assign(new Error("x"), { name: thrown, message: thrown, stack: thrown, cause })),
        ).toBeTypeOf("object");
      }),
      { numRuns: 300 },
    );
  });
});
