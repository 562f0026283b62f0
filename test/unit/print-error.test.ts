import { expect, test } from "vitest";
import { errorText } from "../../src/cli/print-error.ts";

test("an error is printed with its causes, each once and without passwords", () => {
  const cause = new Error("connect to postgres://u:secret@host/db failed");
  const error = new Error("No database", { cause: new Error("No database", { cause }) });
  expect(errorText(error, false)).toBe("No database\n  because: connect to postgres://u:***@host/db failed");
});

test("a cause that is no error is not printed as [object Object]", () => {
  expect(errorText(new Error("refused", { cause: [{ message: "too short" }] }), false)).toBe("refused");
  expect(errorText(new Error("refused", { cause: "no file" }), false)).toBe("refused\n  because: no file");
});

test("errors of several connections are those of each", () => {
  expect(errorText(new AggregateError([new Error("no IPv6"), new Error("no IPv4")]), false)).toBe("no IPv6; no IPv4");
});
