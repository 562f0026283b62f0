import { nextWakeMs } from "./fetch-jobs.ts";
import { type ListedQueues, parseReadyQueues, READY_JSON, type ReadyRow, readyAmong } from "./list-ready-queues.ts";
import { type QueueSql, statement, TOOK_MS, textArray } from "./statement.ts";

/** $1 names. Looks into these queues alone: a worker for some queues must not hop over those of everyone else. */
const run = statement(
  "probe_queues",
  (t) => `
with queues as (
  select u.name from unnest($1::text::text[]) u(name)
), ${readyAmong(t)}
select ${READY_JSON} as queues, ${nextWakeMs(t)} as "nextWakeMs", ${TOOK_MS}`,
);

/** Those of the queues that have jobs to fetch, and when the next scheduled job is due. */
export async function probeQueues(sql: QueueSql, names: readonly string[]): Promise<Omit<ListedQueues, "next">> {
  const row = await run<ReadyRow>(sql, [textArray(names)]);
  return { queues: parseReadyQueues(row.queues), nextWakeMs: row.nextWakeMs ?? undefined, tookMs: row.tookMs };
}
