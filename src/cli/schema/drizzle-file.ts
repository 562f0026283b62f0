import type { TableOptions } from "../../sql/statement.ts";
import { isStamp, type SchemaFileKind, stampOf, type Variant } from "./schema-file.ts";

/** The queue's tables for drizzle-kit, which makes what the app's schema exports. */
export const DRIZZLE_FILE: SchemaFileKind = { orm: "drizzle", write, readVariant, essence };

const EXPORTS = [
  "procrastinateJobs",
  "procrastinateWorkers",
  "procrastinatePeriodicDefers",
  "procrastinateEvents",
  "procrastinateJobStatus",
  "procrastinateJobEventType",
];

function write({ tables }: Variant): string {
  const code = [
    '// The tables of procrastinate. Keep this file as it is: "npx procrastinate schema sync" brings it up to date.',
    ...(isDefault(tables) ? ['export * from "procrastinate/drizzle/schema";'] : customTables(tables)),
    "",
  ].join("\n");
  return `${stampOf(essence(code))}\n${code}`;
}

function isDefault({ schema = "public", prefix = "procrastinate_" }: TableOptions): boolean {
  return schema === "public" && prefix === "procrastinate_";
}

function customTables(tables: TableOptions): string[] {
  const options = Object.entries(tables).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  // Drizzle has no object for what is in `public`.
  const hasSchema = tables.schema !== undefined && tables.schema !== "public";
  const names = hasSchema ? ["procrastinateSchema", ...EXPORTS] : EXPORTS;
  return [
    'import { createProcrastinateTables } from "procrastinate/drizzle";',
    "",
    "export const {",
    ...names.map((name) => `  ${name},`),
    `} = createProcrastinateTables({ ${options.join(", ")} });`,
  ];
}

function readVariant(text: string): Variant {
  const [, options = ""] = /createProcrastinateTables\(\s*\{([^}]*)\}/.exec(text) ?? [];
  const read = (name: string): string | undefined =>
    new RegExp(`\\b${name}:\\s*["']([^"'\\\\]*)["']`).exec(options)?.[1];
  const schema = read("schema");
  const prefix = read("prefix");
  const tables = { ...(schema === undefined ? {} : { schema }), ...(prefix === undefined ? {} : { prefix }) };
  return { tables, hidden: [], relations: new Map() };
}

/** One entry per statement; quotes, commas and line breaks are the formatter's. */
function essence(text: string): string[] {
  const code = text
    .split(/\r?\n/)
    .filter((line) => !isStamp(line))
    // A statement may end without a semicolon.
    .map((line) => (line.startsWith("//") ? `${line};` : line.replace(/^(?=import\b|export\b)/, ";")))
    .join(" ");
  return code
    .replaceAll("'", '"')
    .split(";")
    .map((statement) => statement.replace(/[\s,]+/g, " ").trim())
    .filter((statement) => statement !== "");
}
