import { SchemaFileError } from "../../errors.ts";
import type { TableOptions } from "../../sql/statement.ts";
import { isStamp, readStampedVersion, type SchemaFileKind, stampOf, type Variant } from "./schema-file.ts";

/** The queue's tables for drizzle-kit, which makes what the app's schema exports. */
export const DRIZZLE_FILE: SchemaFileKind = { orm: "drizzle", write, readVariant, essence };

const EXPORTS = [
  "procrastinateJobs",
  "procrastinateWorkers",
  "procrastinatePeriodicDefers",
  "procrastinateSchedules",
  "procrastinateQueues",
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

/** One option of createProcrastinateTables, as a plain string. */
const OPTION = /\b(schema|prefix):\s*["']([^"'\\]*)["']/g;

/** @throws SchemaFileError when an option is something else: what cannot be read could not be kept. */
function readVariant(text: string): Variant {
  const [, given] = /createProcrastinateTables\(([^)]*)\)/.exec(text) ?? [];
  const options = given ?? "";
  const rest = options.replace(OPTION, "").replace(/[\s,{}]/g, "");
  if (rest !== "") {
    throw new SchemaFileError(
      `createProcrastinateTables(${options.trim()}): cannot be read. Give schema and prefix as plain strings: ` +
        'createProcrastinateTables({ schema: "queue", prefix: "jobs_" }).',
    );
  }
  const tables = Object.fromEntries([...options.matchAll(OPTION)].map(([, name, value]) => [name, value]));
  return { tables, hidden: [], relations: new Map() };
}

/** Whether a text has the queue's tables for Drizzle, whoever wrote it. */
export function hasQueueTables(text: string): boolean {
  return readStampedVersion(text) !== undefined || text.includes("createProcrastinateTables") || exportsTables(text);
}

/** Whether a text exports the package's own tables. */
export function exportsTables(text: string): boolean {
  return text.includes("procrastinate/drizzle/schema");
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
