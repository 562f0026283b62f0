import type pg from "pg";
import type { SqlExecutor, SqlStatement, SqlValue } from "../../src/connector.ts";
import { type QueueSql, queueSql, tableNames } from "../../src/sql/statement.ts";

/** A statement with the values that are sent with it. */
export interface SentStatement {
  readonly statement: SqlStatement;
  readonly values: readonly SqlValue[];
}

export interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly "Rows Removed by Join Filter"?: number;
  readonly "Total Cost": number;
  readonly "Shared Hit Blocks": number;
  readonly "Shared Read Blocks": number;
  readonly "Temp Written Blocks": number;
  readonly Plans?: readonly PlanNode[];
}

/** The first statement that a function of `src/sql` sends; nothing runs. */
export async function sentBy(call: (sql: QueueSql) => Promise<unknown>): Promise<SentStatement> {
  let sent: SentStatement | undefined;
  const stopped = new Error("This is what was asked for.");
  const query: SqlExecutor["query"] = (statement, values) => {
    sent = { statement, values };
    return Promise.reject(stopped);
  };
  await call(queueSql({ query }, tableNames())).catch((error: unknown) => {
    if (error !== stopped) throw error;
  });
  if (sent === undefined) throw new Error(`No statement was sent by ${call}.`);
  return sent;
}

/** Runs a statement as a driver would, planned for its values or with a generic plan, and takes back what it did. */
export async function explain(
  pool: pg.Pool,
  { statement, values }: SentStatement,
  generic: boolean,
): Promise<PlanNode> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    await client.query(`set local plan_cache_mode = ${generic ? "force_generic_plan" : "force_custom_plan"}`);
    await client.query(`prepare hot as ${statement.text}`);
    const literals = values.map((value) => (typeof value === "string" ? client.escapeLiteral(value) : String(value)));
    const { rows } = await client.query(
      `explain (analyze, buffers, format json) execute hot${literals.length ? `(${literals.join(", ")})` : ""}`,
    );
    return rows[0]["QUERY PLAN"][0].Plan;
  } finally {
    await client.query("rollback");
    await client.query("deallocate all");
    client.release();
  }
}

export function nodesOf(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

/** How many rows the node gave, and read in vain. */
export function rowsOf(node: PlanNode): number {
  const removed = (node["Rows Removed by Filter"] ?? 0) + (node["Rows Removed by Join Filter"] ?? 0);
  return (node["Actual Rows"] + removed) * node["Actual Loops"];
}

/** The nodes of a plan that read or sorted more rows than a batch has. */
export function costlyNodes(plan: PlanNode, few: number): string[] {
  return nodesOf(plan)
    .filter((node) => rowsOf(node) > few)
    .map((node) => `${node["Node Type"]} ${node["Relation Name"] ?? ""}: ${rowsOf(node)} rows`);
}

/** The pages that a statement looked at, at least: what a CTE read is counted where it is read from, too. */
export function pagesOf(plan: PlanNode): number {
  const own = (node: PlanNode): number => node["Shared Hit Blocks"] + node["Shared Read Blocks"];
  const children = (node: PlanNode): number => (node.Plans ?? []).reduce((sum, child) => sum + own(child), 0);
  return nodesOf(plan).reduce((sum, node) => sum + Math.max(0, own(node) - children(node)), 0);
}
