import { nextWakeMs } from "./fetch-jobs.ts";
import { type QueueSql, statement, type TableNames, TOOK_MS } from "./statement.ts";

/** A queue with jobs to fetch, and the priority of the first of them. */
export interface ReadyQueue {
  readonly name: string;
  readonly priority: number;
}

/**
 * The priority of the first waiting job of the queue `name`, null where none waits.
 *
 * Jobs that were claimed a moment ago are still in the fetch index, thousands of them perhaps, so only the first 100
 * rows are looked at: a queue where nothing waits among these counts, with what comes next there.
 * The outer limits, which the planner sees, keep the estimated cost below jit_above_cost, as in the fetch.
 */
function priorityIn(t: TableNames, name: string): string {
  const rows = `from ${t.jobs} j where j.queue_name = ${name} and j.ready order by j.priority desc, j.id`;
  return `coalesce(
    (select y.priority from (select j.priority, j.status ${rows} limit (select 100)) y where coalesce(y.status = 'todo', false) limit 1),
    (select y.priority from (select j.priority ${rows} limit (select 101)) y offset 100 limit 1))`;
}

/** Those of the relation `queues (name)` that have jobs to fetch. Materialized, or each would be looked into twice. */
export function readyAmong(t: TableNames): string {
  return `ready as materialized (
  select q.name, ${priorityIn(t, "q.name")} as priority from queues q
)`;
}

export const READY_JSON = `(select json_agg(json_build_array(r.name, r.priority))::text from ready r where r.priority is not null)`;

export interface ReadyRow {
  readonly queues: string | null;
  readonly nextWakeMs: number | null;
  readonly tookMs: number;
}

export function parseReadyQueues(text: string | null): ReadyQueue[] {
  const rows = JSON.parse(text ?? "[]") as [name: string, priority: number][];
  return rows.map(([name, priority]) => ({ name, priority }));
}

/**
 * $1 how many names to look at, $2 only names after this one. Hops from queue to queue through the fetch index: two
 * index probes for each queue with ready rows, however many rows there are. 1,000 queues take 7 ms.
 */
const run = statement(
  "list_ready_queues",
  (t) => `
with recursive queues as (
  (select j.queue_name as name, 1 as place from ${t.jobs} j where j.ready and j.queue_name > $2::text order by j.queue_name limit 1)
  union all
  select n.queue_name, q.place + 1 from queues q
  cross join lateral (select j.queue_name from ${t.jobs} j where j.ready and j.queue_name > q.name order by j.queue_name limit 1) n
  where q.place < $1::int
), ${readyAmong(t)}
select ${READY_JSON} as queues, (select q.name from queues q where q.place = $1::int) as last, ${nextWakeMs(t)} as "nextWakeMs", ${TOOK_MS}`,
);

export interface ListedQueues {
  readonly queues: readonly ReadyQueue[];
  /** After which name the next page begins; undefined after the last one. */
  readonly next: string | undefined;
  /** Milliseconds until the next scheduled job is due; undefined when none is scheduled. */
  readonly nextWakeMs: number | undefined;
  /** Milliseconds in Postgres. */
  readonly tookMs: number;
}

/** The queues that have jobs to fetch, by pages of their names. */
export async function listReadyQueues(
  sql: QueueSql,
  page: { readonly limit: number; readonly after: string },
): Promise<ListedQueues> {
  const row = await run<ReadyRow & { last: string | null }>(sql, [page.limit, page.after]);
  return {
    queues: parseReadyQueues(row.queues),
    next: row.last ?? undefined,
    nextWakeMs: row.nextWakeMs ?? undefined,
    tookMs: row.tookMs,
  };
}
