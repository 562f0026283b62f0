import { SCHEMA_VERSION } from "../schema-version.ts";
import { describeTables } from "../sql/describe-tables.ts";
import { EXPECTED_TABLES } from "../sql/expected-tables.ts";
import type { QueueSql, TableNames } from "../sql/statement.ts";
import { findVersion, type VersionProblem } from "./check-version.ts";
import { compareTables, type TableFinding } from "./compare-tables.ts";
import { repairCommands } from "./migration-commands.ts";

/** What `app.checkTables()` found. */
export interface TablesReport {
  /** The name of the app's connector: `drizzle`, `prisma`. */
  readonly connector: string;
  /** The version of the tables that this package is made for. */
  readonly packageVersion: number;
  /** The version that the tables say they have; undefined where there are none. */
  readonly tablesVersion: number | undefined;
  /** Whether workers of this package can work with the tables: whether nothing but advice was found. */
  readonly ok: boolean;
  /** All that was found, what matters most first. */
  readonly findings: readonly TableFinding[];
  /** What to run to mend what is not ok, one after the other. */
  readonly commands: readonly string[];
}

const KINDS: readonly TableFinding["kind"][] = ["missing", "different", "breaking", "advice"];

/**
 * Compares the tables in the database with what this package expects.
 *
 * @param orm The name of the app's connector: which commands help.
 */
export async function checkTables(sql: QueueSql, orm: string): Promise<TablesReport> {
  const { tables } = sql;
  const { found, problem } = await findVersion(sql, orm);
  const facts = { connector: orm, packageVersion: SCHEMA_VERSION, tablesVersion: found?.version };
  if (problem?.verdict === "missing" || problem?.verdict === "too_new") {
    return { ...facts, ok: false, findings: [findingOf(problem, tables)], commands: problem.commands };
  }
  const description = await describeTables(sql);
  const compared = description === undefined ? [] : compareTables(EXPECTED_TABLES, description, tables.prefix);
  const sorted = compared.sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind));
  const findings = [...(problem === undefined ? [] : [findingOf(problem, tables)]), ...sorted];
  const commands = problem?.commands ?? repairCommands({ orm, tables }, findings);
  return { ...facts, ok: findings.every(({ kind }) => kind === "advice"), findings, commands };
}

function findingOf({ verdict, message }: VersionProblem, { prefix }: TableNames): TableFinding {
  return { kind: verdict === "missing" ? "missing" : "different", object: `tables ${prefix}*`, message };
}
