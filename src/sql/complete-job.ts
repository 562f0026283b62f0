import type { Lease } from "./job-row.ts";
import { type QueueSql, statement } from "./statement.ts";

/**
 * $1 id, $2 lease, $3 worker, $4 the result as JSON or null. Runs inside the handler's own transaction, whose `now()`
 * is the moment when it began.
 */
const keep = statement(
  "complete_job",
  (t) => `
with done as (
  update ${t.jobs} j set status = 'succeeded', ready = false, wake_at = null, running_lock = null,
         attempts = j.attempts + 1, finished_at = clock_timestamp(), result = $4::text::jsonb
  where j.id = $1::text::bigint and j.lease = $2::int and j.worker_id = $3::text::bigint and j.status = 'doing'
  returning 1
)
select count(*)::int as count from done`,
);

const remove = statement(
  "complete_and_delete_job",
  (t) => `
with done as (
  delete from ${t.jobs} j where j.id = $1::text::bigint and j.lease = $2::int and j.worker_id = $3::text::bigint and j.status = 'doing' returning j.id
), events as (
  delete from ${t.events} where job_id = any(array(select id from done))
)
select count(*)::int as count from done`,
);

/** Completes one job and says whether it still belonged to the worker. */
export async function completeJob(
  sql: QueueSql,
  workerId: bigint,
  job: Lease,
  completion: { readonly result: string | null; readonly deleteJob: boolean },
): Promise<boolean> {
  const fence = [String(job.id), job.lease, String(workerId)];
  const row = completion.deleteJob
    ? await remove<{ count: number }>(sql, fence)
    : await keep<{ count: number }>(sql, [...fence, completion.result]);
  return row.count === 1;
}
