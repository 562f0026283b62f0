import { SCHEMA_VERSION } from "../schema-version.ts";
import type { TableNames } from "../sql/statement.ts";
import type { TableFinding } from "./compare-tables.ts";

/** The tables of an app, and what it reaches them through: the name of its connector. */
export interface TablesOfApp {
  readonly orm: string;
  readonly tables: Pick<TableNames, "schema" | "prefix">;
}

/** What comes before those commands in an app whose schema may or may not have the tables yet; undefined elsewhere. */
export function declarationCommand({ orm, tables }: TablesOfApp): string | undefined {
  if (orm !== "drizzle") return undefined;
  return `npx procrastinate schema add --orm drizzle --path src/procrastinate-schema.ts${tableFlags(tables)}`;
}

/** The commands that make the tables of an app, one after the other. */
export function creationCommands({ orm, tables }: TablesOfApp): readonly string[] {
  const where = tableFlags(tables);
  switch (orm) {
    case "drizzle":
      return ["npx drizzle-kit generate", "npx drizzle-kit migrate"];
    case "prisma":
      return [`npx procrastinate schema add --orm prisma${where}`, "npx prisma migrate dev --name procrastinate"];
    default:
      return [`npx procrastinate schema sql${where} | psql -v ON_ERROR_STOP=1 "$DATABASE_URL"`];
  }
}

/** The commands that bring the tables of an app to this package's version. */
export function upgradeCommands({ orm, tables }: TablesOfApp, from: number): readonly string[] {
  switch (orm) {
    case "drizzle":
      return ["npx drizzle-kit generate", "npx drizzle-kit migrate"];
    case "prisma":
      return ["npx procrastinate schema sync", `npx prisma migrate dev --name procrastinate_${SCHEMA_VERSION}`];
    default:
      // What says no version was not made by any of the package's migrations.
      if (from < 1) return ["npx procrastinate schema check"];
      return [
        `npx procrastinate schema sql --from ${from}${tableFlags(tables)} | psql -v ON_ERROR_STOP=1 "$DATABASE_URL"`,
      ];
  }
}

/** The commands that mend tables of the right version which are not as they should be. */
export function repairCommands(app: TablesOfApp, findings: readonly TableFinding[]): readonly string[] {
  const wrong = findings.filter(({ kind }) => kind === "missing" || kind === "different");
  if (wrong.length === 0) return [];
  // What procrastinate.prisma cannot say.
  const isExtra = ({ object }: TableFinding): boolean => object.startsWith("check ");
  if (app.orm === "prisma") {
    const models = wrong.every(isExtra) ? [] : upgradeCommands(app, SCHEMA_VERSION);
    return [...models, ...(wrong.some(isExtra) ? prismaExtraCommands(app.tables) : [])];
  }
  if (app.orm === "drizzle") return upgradeCommands(app, SCHEMA_VERSION);
  return [`npx procrastinate schema sql${tableFlags(app.tables)}`];
}

/**
 * The commands that put what procrastinate.prisma cannot say into a migration of its own: into the newest of that name, as
 * one that was applied must not change.
 */
export function prismaExtraCommands(tables: TablesOfApp["tables"]): readonly string[] {
  const name = `procrastinate_checks_${SCHEMA_VERSION}`;
  const folder = `$(ls -d prisma/migrations/*_${name} | tail -n 1)`;
  return [
    `npx prisma migrate dev --create-only --name ${name}`,
    `npx procrastinate schema sql --extras prisma${tableFlags(tables)} | tee "${folder}/migration.sql"`,
    "npx prisma migrate dev",
  ];
}

/** The command that applies migrations which exist already, where the app's ORM has one. */
export function deployCommand(orm: string): string | undefined {
  switch (orm) {
    case "drizzle":
      return "npx drizzle-kit migrate";
    case "prisma":
      return "npx prisma migrate deploy";
    default:
      return undefined;
  }
}

/** How a command line says where the tables are; empty for where they are by default. */
export function tableFlags({ schema, prefix }: TablesOfApp["tables"]): string {
  const flags = [
    ...(schema === undefined ? [] : [` --schema ${shellWord(schema)}`]),
    ...(prefix === "procrastinate_" ? [] : [` --prefix ${shellWord(prefix)}`]),
  ];
  return flags.join("");
}

function shellWord(text: string): string {
  return /^[\w.,:/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
