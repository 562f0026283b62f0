import { expect, test } from "vitest";
import { messageOf } from "../../src/describe.ts";

const refused = Object.assign(new AggregateError([new Error("no IPv6"), new Error("no IPv4")]), {
  code: "ECONNREFUSED",
});

test.each<[string, unknown, string]>([
  ["an error", new Error("broken"), "broken"],
  ["an error of several addresses", refused, "no IPv6; no IPv4"],
  ["an error with nothing but a code", Object.assign(new Error(""), { code: "ECONNRESET" }), "ECONNRESET"],
  ["an error with nothing", new Error(""), "no message"],
  ["an object with a message", { message: "like an error" }, "like an error"],
  ["a text", "no", "no"],
  ["null", null, "null"],
  ["undefined", undefined, "undefined"],
  ["a symbol", Symbol("x"), "Symbol(x)"],
  ["what refuses to be read", new Proxy({}, { get: () => (5).toFixed(-1) }), "object"],
  ["a message that has no text", { message: Object.create(null) }, "object"],
])("%s that was thrown has a message", (_what, thrown, message) => {
  expect(messageOf(thrown)).toBe(message);
});
