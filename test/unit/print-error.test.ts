import { expect, test } from "vitest";
import { errorText } from "../../src/cli/print-error.ts";

test("an error is printed with its causes, each once", () => {
  const error = new Error("No database", { cause: new Error("No database", { cause: new Error("no route") }) });
  expect(errorText(error, false)).toBe("No database\n  because: no route");
});

test.each([
  ["postgres://u:secret@host/db failed", "postgres://u:***@host/db failed"],
  ["postgres://u:se:c@re/t@host/db failed", "postgres://u:***@host/db failed"],
  [
    "postgres://host/db?user=u&password=secret&sslmode=require",
    "postgres://host/db?user=u&password=***&sslmode=require",
  ],
  ["host=h password=secret dbname=d", "host=h password=*** dbname=d"],
  ["host=h password = 'sec ret\\' too' dbname=d", "host=h password = *** dbname=d"],
  ["PGPASSWORD=secret", "PGPASSWORD=***"],
  ['password authentication failed for user "u"', 'password authentication failed for user "u"'],
])("what is secret is left out of %s", (message, printed) => {
  expect(errorText(new Error(message), false)).toBe(printed);
});

test("a cause that is no error is not printed as [object Object]", () => {
  expect(errorText(new Error("refused", { cause: [{ message: "too short" }] }), false)).toBe("refused");
  expect(errorText(new Error("refused", { cause: "no file" }), false)).toBe("refused\n  because: no file");
});

test("whatever was thrown is printed", () => {
  expect([{ code: 5 }, undefined, null, "no"].map((thrown) => errorText(thrown, false))).toEqual([
    "{ code: 5 }",
    "undefined",
    "null",
    "no",
  ]);
});

test("errors of several connections are those of each", () => {
  expect(errorText(new AggregateError([new Error("no IPv6"), new Error("no IPv4")]), false)).toBe("no IPv6; no IPv4");
});

test("a message cannot control the terminal, and keeps its lines", () => {
  expect(errorText(new Error("lock \u001b[31m\u009b2J\rx\ny"), false)).toBe("lock \\u001b[31m\\u009b2J\\u000dx\ny");
});
