import { type ChangedBatch, type ChangedRow, parseChanged } from "./changed-batch.ts";
import { deleteEventsOf } from "./delete-events.ts";
import { batchValues, chosenJobs, type JobBatch, LAST_ID } from "./job-filter.ts";
import { notify } from "./job-row.ts";
import { leaveToWorkers } from "./promote-locks.ts";
import { type QueueSql, statement } from "./statement.ts";

/**
 * $1 to $3 which jobs, $4 whether running ones are asked to stop, $5 whether waiting ones are deleted, $6 whether a
 * transaction of the caller goes on. Locks of cancelled jobs are to be promoted after the commit.
 *
 * Postgres checks a row's constraints before it sees that the row has changed since the statement began, so what is set
 * must be right for any state that it may have had then; after that it is set again on the row as it is.
 *
 * The workers look at all that they run when they are told of one abort, so one notification does for all.
 */
const run = statement(
  "cancel_jobs",
  (t) => `
with ${chosenJobs(t, "j.id, j.status, j.lock, j.abort_requested", "update")}, cancelled as (
  update ${t.jobs} j set status = 'cancelled', ready = false, wake_at = null, queueing_key = null, running_lock = null,
         finished_at = statement_timestamp()
  from found f where j.id = f.id and f.status = 'todo' and not $5::boolean
  returning j.id
), gone as (
  delete from ${t.jobs} j using found f where j.id = f.id and f.status = 'todo' and $5::boolean
  returning j.id
), gone_events as (
  delete from ${t.events} where job_id = any(array(select id from gone))
), aborting as (
  update ${t.jobs} j set abort_requested = j.status = 'doing'
  from found f where j.id = f.id and f.status = 'doing' and $4::boolean and not f.abort_requested
  returning j.id
), events as (
  insert into ${t.events} (job_id, type, at)
  select id, 'cancelled'::${t.jobEventType}, statement_timestamp() from cancelled
  union all select id, 'abort_requested', statement_timestamp() from aborting
), told as materialized (
  select ${notify(t, "json_build_object('abort', f.id::text)")} from found f where f.status = 'doing' and $4::boolean limit 1
), left_locks as materialized (
  select lock from found where status = 'todo' and lock is not null
), left_to_workers as materialized (${leaveToWorkers(t, "left_locks", "$6::boolean")})
select ${LAST_ID} as last, (select json_agg(distinct lock)::text from left_locks) as locks,
       (select json_agg(json_build_array(f.id::text, f.status, case when f.status = 'todo' and $5::boolean then 'deleted'
          when f.status = 'todo' then 'cancelled' when f.status = 'doing' and $4::boolean then 'abort_requested' end))::text
        from found f) as jobs,
       (select count(*)::int from told) as told, (select told from left_to_workers) as "leftToWorkers"`,
);

/** What became of a job: it ended, it is gone, or its worker was told to stop it. */
export type CancelOutcome = "cancelled" | "deleted" | "abort_requested";

export interface CancelRequest {
  readonly abort: boolean;
  readonly deleteJobs: boolean;
  readonly inTransaction: boolean;
}

/** Cancels jobs that wait, and asks those that run to stop. */
export async function cancelJobs(
  sql: QueueSql,
  batch: JobBatch,
  { abort, deleteJobs, inTransaction }: CancelRequest,
): Promise<ChangedBatch<CancelOutcome>> {
  const values = [...batchValues(batch), abort, deleteJobs, inTransaction];
  return deleteEventsOf(sql, parseChanged<CancelOutcome>(await run<ChangedRow>(sql, values)), { inTransaction });
}
