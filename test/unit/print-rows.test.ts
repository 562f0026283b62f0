import { expect, test } from "vitest";
import { type Cell, printRows } from "../../src/cli/print-rows.ts";

function printed(rows: readonly Readonly<Record<string, Cell>>[], json = false): string[] {
  const lines: string[] = [];
  printRows({ print: (line: string) => void lines.push(line) } as never, rows, { json });
  return lines;
}

test("rows are a table, under the keys of the first", () => {
  const at = new Date("2026-03-04T05:06:07Z");
  const rows = [
    { id: 12n, name: "a", at, args: { n: 1n } },
    { id: 3n, name: "longer", at: null, args: {} },
  ];
  expect(printed(rows)).toEqual([
    "id  name    at                        args",
    '12  a       2026-03-04T05:06:07.000Z  {"n":"1"}',
    "3   longer  -                         {}",
  ]);
});

test("rows are one JSON object a line", () => {
  expect(printed([{ id: 12n, lock: null }, { id: 3n }], true)).toEqual(['{"id":"12","lock":null}', '{"id":"3"}']);
});

test("no rows say so, and are nothing as JSON", () => {
  expect(printed([])).toEqual(["(none)"]);
  expect(printed([], true)).toEqual([]);
});

test("what is in a table cannot control the terminal", () => {
  expect(printed([{ lock: "a\u001b[31mb\nc\u009bd" }])).toEqual(["lock", "a\\u001b[31mb\\u000ac\\u009bd"]);
});
