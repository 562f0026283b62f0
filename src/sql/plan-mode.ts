import type { SqlExecutor, SqlStatement } from "../connector.ts";

// An app may let its driver name all statements, so that Postgres parses each once per session. Of a named statement it
// also keeps a plan; one that was made while the tables were empty is used for seconds per fetch when they are not.

/** Finds itself among the named statements of its session: an unnamed one is not listed. */
const findNamed: SqlStatement = {
  name: "find_named",
  text: `select exists (select 1 from pg_prepared_statements p where p.statement like '%procrastinate_find_named%') as named`,
};

/** For a transaction: a plan for each execution, whatever is kept. */
export const forceCustomPlan = "set local plan_cache_mode = force_custom_plan";

const swapPlanMode: SqlStatement = {
  name: "swap_plan_mode",
  text: `select current_setting('plan_cache_mode') as former, set_config('plan_cache_mode', $1::text, true) as current`,
};

/** Whether what runs through this executor becomes named prepared statements. */
export async function isNamed(executor: SqlExecutor): Promise<boolean> {
  const [row] = await executor.query<{ named: boolean }>(findNamed, []);
  return row?.named === true;
}

/** Sets the plan mode until the end of the transaction, and gives what it was. */
export async function setPlanMode(executor: SqlExecutor, mode: string): Promise<string> {
  const [row] = await executor.query<{ former: string }>(swapPlanMode, [mode]);
  return row?.former ?? "auto";
}
