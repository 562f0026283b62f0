import { type ChangedBatch, type ChangedRow, parseChanged } from "./changed-batch.ts";
import { deleteEventsOf } from "./delete-events.ts";
import { batchValues, chosenJobs, type JobBatch, LAST_ID } from "./job-filter.ts";
import { leaveToWorkers } from "./promote-locks.ts";
import { type QueueSql, statement } from "./statement.ts";

/** $1 to $3 which jobs, $4 whether a transaction of the caller goes on. Locks of waiting jobs are to be promoted after the commit. */
const run = statement(
  "remove_jobs",
  (t) => `
with ${chosenJobs(t, "j.id, j.status, j.lock", "update")}, gone as (
  delete from ${t.jobs} j using found f where j.id = f.id and f.status <> 'doing'
  returning j.id
), gone_events as (
  delete from ${t.events} where job_id = any(array(select id from gone))
), left_locks as materialized (
  select lock from found where status = 'todo' and lock is not null
), left_to_workers as materialized (${leaveToWorkers(t, "left_locks", "$4::boolean")})
select ${LAST_ID} as last, (select json_agg(distinct lock)::text from left_locks) as locks,
       (select json_agg(json_build_array(f.id::text, f.status, case when f.status <> 'doing' then 'deleted' end))::text
        from found f) as jobs,
       (select told from left_to_workers) as "leftToWorkers"`,
);

/** Deletes jobs that do not run, with their events. */
export async function removeJobs(
  sql: QueueSql,
  batch: JobBatch,
  { inTransaction }: { readonly inTransaction: boolean },
): Promise<ChangedBatch<"deleted">> {
  return deleteEventsOf(
    sql,
    parseChanged<"deleted">(await run<ChangedRow>(sql, [...batchValues(batch), inTransaction])),
    { inTransaction },
  );
}
