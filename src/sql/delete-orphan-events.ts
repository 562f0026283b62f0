import { type QueueSql, statement } from "./statement.ts";

/** $1 the job. */
const run = statement(
  "delete_orphan_events",
  (t) => `
with gone as (
  delete from ${t.events} e
  where e.job_id = $1::text::bigint and not exists (select 1 from ${t.jobs} j where j.id = $1::text::bigint)
  returning 1
)
select count(*)::int as gone from gone`,
);

/** Deletes what was written about a job while the transaction of its handler deleted it. */
export async function deleteOrphanEvents(sql: QueueSql, jobId: bigint): Promise<void> {
  await run(sql, [String(jobId)]);
}
