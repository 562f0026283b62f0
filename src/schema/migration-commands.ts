import { SCHEMA_VERSION } from "../schema-version.ts";
import type { TableNames } from "../sql/statement.ts";

/** The tables of an app, and what it reaches them through: the name of its connector. */
export interface TablesOfApp {
  readonly orm: string;
  readonly tables: Pick<TableNames, "schema" | "prefix">;
}

/** The commands that make the tables of an app, one after the other. */
export function creationCommands({ orm, tables }: TablesOfApp): readonly string[] {
  const where = tableFlags(tables);
  switch (orm) {
    case "drizzle":
      return [
        `npx procrastinate schema add --orm drizzle --path src/procrastinate-schema.ts${where}`,
        "npx drizzle-kit generate",
        "npx drizzle-kit migrate",
      ];
    case "prisma":
      return [`npx procrastinate schema add --orm prisma${where}`, "npx prisma migrate dev --name procrastinate"];
    default:
      return [`npx procrastinate schema sql${where} | psql "$DATABASE_URL"`];
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
      return [`npx procrastinate schema sql --from ${from}${tableFlags(tables)} | psql "$DATABASE_URL"`];
  }
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
