import { quoteIdentifier, type TableOptions, tableNames } from "./statement.ts";

/** Every name of a table, enum, index or constraint in the package's own SQL. */
const OWN_NAME = /\bprocrastinate_(\w+)/g;

/**
 * Migrations as one script, which commits as a whole, for tables wherever they are.
 *
 * @throws InvalidOptionError when the schema or the prefix is no name that Postgres can have.
 */
export function migrationScript(
  migrations: readonly { readonly file: string; readonly sql: string }[],
  options: TableOptions,
): string {
  const { schema, prefix } = tableNames(options);
  const name = schema === undefined ? "" : quoteIdentifier(schema);
  const place = name === "" ? [] : [`create schema if not exists ${name};`, `set local search_path to ${name};`];
  const texts = migrations.map(({ file, sql }) => `-- ${file}\n${withPrefix(sql, prefix).trimEnd()}`);
  return ["begin;", ...place, "", texts.join("\n\n"), "", "commit;"].join("\n");
}

/**
 * What the schema of an ORM cannot say, for a migration of the app.
 *
 * @param sql The package's procrastinate.sql: all that Prisma cannot say.
 * @throws InvalidOptionError when the schema or the prefix is no name that Postgres can have.
 */
export function extrasScript(sql: string, orm: "prisma" | "drizzle", options: TableOptions): string {
  const { schema, prefix } = tableNames(options);
  const qualifier = schema === undefined ? "" : `${quoteIdentifier(schema)}.`;
  // Drizzle can say checks.
  const wanted = orm === "prisma" ? sql : (sql.match(/^alter table \w+ set \(.*$/gm) ?? []).join("\n");
  const qualified = wanted.replace(/(?<=^alter table )(?=procrastinate_)/gm, () => qualifier);
  return withPrefix(qualified, prefix).trimEnd();
}

function withPrefix(sql: string, prefix: string): string {
  if (prefix === "procrastinate_") return sql;
  return sql.replace(OWN_NAME, (_name, suffix) => quoteIdentifier(prefix + suffix));
}
