import { describe } from "../describe.ts";
import { SchemaMismatchError } from "../errors.ts";
import { compareVersions, readTablesVersion, SCHEMA_VERSION, type TablesVersion } from "../schema-version.ts";
import { findSchemasWithTables, findSchemaVersion } from "../sql/check-schema.ts";
import type { QueueSql } from "../sql/statement.ts";
import { creationCommands, declarationCommand, deployCommand, upgradeCommands } from "./migration-commands.ts";

/** Why this package cannot work with the tables as they are, and what to run. */
export interface VersionProblem {
  readonly verdict: "missing" | "too_old" | "too_new";
  readonly message: string;
  /** One after the other. */
  readonly commands: readonly string[];
}

/** What the tables are. */
export interface VersionFound {
  /** Undefined where there are none. */
  readonly found: TablesVersion | undefined;
  /** Undefined where this package works with them. */
  readonly problem: VersionProblem | undefined;
}

/**
 * Refuses tables that this package cannot work with.
 *
 * @param orm The name of the app's connector: which commands help.
 * @throws SchemaMismatchError when the tables are missing, too old or too new for this package.
 */
export async function checkSchemaVersion(sql: QueueSql, orm: string): Promise<void> {
  const { problem } = await findVersion(sql, orm);
  if (problem === undefined) return;
  const { verdict, message, commands } = problem;
  const deploy = verdict === "too_new" ? undefined : deployCommand(orm);
  const made = deploy === undefined ? "" : ` (where the migration exists already: ${deploy})`;
  const run = commands.length === 0 ? "" : ` Run: ${commands.join(" && ")}${made}`;
  throw new SchemaMismatchError(`${message}${run}`);
}

/** Looks up what the tables say of themselves. */
export async function findVersion(sql: QueueSql, orm: string): Promise<VersionFound> {
  const { tables } = sql;
  const what = `The queue's tables (${tables.jobs}, …)`;
  const stored = await findSchemaVersion(sql);
  if (stored === undefined) return { found: undefined, problem: await missing(sql, orm, what) };
  const found = readTablesVersion(stored);
  const verdict = compareVersions(found);
  if (verdict === "fits") return { found, problem: undefined };
  const have = `${what} have version ${found.version}`;
  if (verdict === "too_old") {
    const message = `${have}; this package is made for version ${SCHEMA_VERSION}. Migrate them before its workers start.`;
    return { found, problem: { verdict, message, commands: upgradeCommands({ orm, tables }, found.version) } };
  }
  const message = `${have}, for packages made for version ${found.worksSince} or later; this one is made for version ${SCHEMA_VERSION}. Update it.`;
  return { found, problem: { verdict, message, commands: ["npm install procrastinate@latest"] } };
}

async function missing(sql: QueueSql, orm: string, what: string): Promise<VersionProblem> {
  const { tables } = sql;
  const [schema] = await findSchemasWithTables(sql);
  const looked =
    tables.schema === undefined ? "along the search_path of its connections" : `in ${describe(tables.schema)}`;
  if (schema !== undefined) {
    const prefix = tables.prefix === "procrastinate_" ? "" : `, prefix: ${JSON.stringify(tables.prefix)}`;
    const fix = `Say so: createApp({ tables: { schema: ${JSON.stringify(schema)}${prefix} } }).`;
    const message = `${what} are missing where the app looks, ${looked}; there are some in the Postgres schema ${describe(schema)}. ${fix}`;
    return { verdict: "missing", message, commands: [] };
  }
  const declare = declarationCommand({ orm, tables });
  const first = declare === undefined ? "" : ` Where the app's schema does not export them yet, first run: ${declare}.`;
  const message = `${what} are missing. If they are elsewhere, say so in createApp({ tables }); else make them.${first}`;
  return { verdict: "missing", message, commands: creationCommands({ orm, tables }) };
}
