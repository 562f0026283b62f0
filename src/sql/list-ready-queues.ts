import { nextWakeMs } from "./fetch-jobs.ts";
import { type QueueSql, statement } from "./statement.ts";

/**
 * $1 how many at most, $2 only names after this one. Hops from queue to queue through the fetch index: as many index
 * probes as there are queues with ready jobs, however many jobs there are.
 */
const run = statement(
  "list_ready_queues",
  (t) => `
with recursive queues as (
  (select j.queue_name, 1 as place from ${t.jobs} j where j.ready and j.queue_name > $2::text order by j.queue_name limit 1)
  union all
  select n.queue_name, q.place + 1 from queues q
  cross join lateral (select j.queue_name from ${t.jobs} j where j.ready and j.queue_name > q.queue_name order by j.queue_name limit 1) n
  where q.place < $1::int
)
select (select json_agg(q.queue_name)::text from queues q) as queues, ${nextWakeMs(t)} as "nextWakeMs"`,
);

/** The queues that have ready jobs, by name, and when the next scheduled job is due. */
export async function listReadyQueues(
  sql: QueueSql,
  page: { readonly limit: number; readonly after: string },
): Promise<{ queues: string[]; nextWakeMs: number | undefined }> {
  const row = await run<{ queues: string | null; nextWakeMs: number | null }>(sql, [page.limit, page.after]);
  return {
    queues: row.queues === null ? [] : (JSON.parse(row.queues) as string[]),
    nextWakeMs: row.nextWakeMs ?? undefined,
  };
}
