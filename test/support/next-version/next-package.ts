import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PRISMA_FILE } from "../../../src/cli/schema/prisma-file.ts";
import { stampOf } from "../../../src/cli/schema/schema-file.ts";

const MIGRATION = "0002_note.sql";

/** The file of the built package, what is there, and what the next version has instead. */
const CHANGES: readonly (readonly [file: string, before: RegExp, after: string])[] = [
  ["dist/src/schema-version.js", /SCHEMA_VERSION = 1;/, "SCHEMA_VERSION = 2;"],
  ["dist/drizzle/columns.js", /runningLock: text\("running_lock"\),/, '$& note: text("note"),'],
  ["dist/drizzle/columns.js", /(integer\("schema_version"\)\.notNull\(\)\.default)\(1\)/, "$1(1002)"],
  [
    "dist/drizzle/tables.js",
    /check\(name\("jobs_names_check"\)/,
    'index(name("jobs_note_idx")).on(t.note).where(sql`note is not null`), $&',
  ],
  [
    "dist/src/sql/expected-tables.js",
    /EXPECTED_TABLES = \[/,
    `$& ["column jobs.note", "text"],
    ["index jobs_note_idx", "on jobs using btree (note) WHERE (note IS NOT NULL)"],`,
  ],
  ["prisma/procrastinate.prisma", /^ {2}runningLock .*$/m, "$&\n  note String?"],
  [
    "prisma/procrastinate.prisma",
    /^ {2}@@map\("procrastinate_jobs"\)$/m,
    '  @@index([note], map: "procrastinate_jobs_note_idx", where: raw("note IS NOT NULL"))\n$&',
  ],
  ["prisma/procrastinate.prisma", /^( {2}schemaVersion .*@default)\(1\)/m, "$1(1002)"],
];

/** Makes an installed package what the next one might be: made for version 2 of the tables, one column and one index more. */
export function becomeNextPackage(installed: string): void {
  cpSync(fileURLToPath(new URL(MIGRATION, import.meta.url)), join(installed, "migrations", MIGRATION));
  for (const [file, before, after] of CHANGES) {
    const path = join(installed, file);
    const text = readFileSync(path, "utf8");
    if (!before.test(text)) throw new Error(`${file} has nothing like ${before}`);
    writeFileSync(path, text.replace(before, after));
  }
  const models = join(installed, "prisma/procrastinate.prisma");
  const text = readFileSync(models, "utf8");
  const stamp = stampOf(PRISMA_FILE.essence(text)).replace("version 1", "version 2");
  writeFileSync(models, text.replace(/^\/\/ procrastinate: .*$/m, stamp));
}
