import Table from "cli-table3";
import { printable } from "../printable.ts";
import type { CommandContext } from "./command-context.ts";

/** What a cell can be. Dates are printed as ISO 8601, objects as JSON. */
export type Cell = string | number | bigint | boolean | Date | object | null | undefined;

/** No lines between columns and rows: what is printed can be cut and grepped. */
const PLAIN = {
  chars: {
    ...{ top: "", "top-mid": "", "top-left": "", "top-right": "", bottom: "", "bottom-mid": "", "bottom-left": "" },
    ...{
      "bottom-right": "",
      left: "",
      "left-mid": "",
      mid: "",
      "mid-mid": "",
      right: "",
      "right-mid": "",
      middle: "  ",
    },
  },
  style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
};

/**
 * Prints rows as a table with the keys of the first one as its head, or with `json` as one JSON object a line, in which
 * ids and other bigints are strings.
 */
export function printRows(
  context: CommandContext,
  rows: readonly Readonly<Record<string, Cell>>[],
  { json }: { readonly json: boolean },
): void {
  for (const line of json ? rows.map(toJson) : tableOf(rows)) context.print(line);
}

function tableOf(rows: readonly Readonly<Record<string, Cell>>[]): string[] {
  const [first] = rows;
  if (!first) return ["(none)"];
  const table = new Table({ ...PLAIN, head: Object.keys(first) });
  for (const row of rows) table.push(Object.keys(first).map((key) => textOf(row[key])));
  // The last column is padded too.
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd());
}

function toJson(row: object): string {
  return JSON.stringify(row, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value));
}

function textOf(cell: Cell): string {
  if (cell === null || cell === undefined) return "-";
  if (cell instanceof Date) return cell.toISOString();
  const text = typeof cell === "object" ? toJson(cell) : String(cell);
  return printable(text).replaceAll("\n", "\\u000a");
}
