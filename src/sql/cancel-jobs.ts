import type { JobStatus } from "../job.ts";
import { batchValues, chosenJobs, type JobBatch, LAST_ID } from "./job-filter.ts";
import { notify } from "./job-row.ts";
import { leaveToWorkers, parseLocks } from "./promote-locks.ts";
import { type QueueSql, statement } from "./statement.ts";

/**
 * $1 to $3 which jobs, $4 whether running ones are asked to stop, $5 whether waiting ones are deleted, $6 whether a
 * transaction of the caller goes on. Locks of cancelled jobs are to be promoted after the commit.
 *
 * The workers look at all that they run when they are told of one abort, so one notification does for all.
 */
const run = statement(
  "cancel_jobs",
  (t) => `
with ${chosenJobs(t, "j.id, j.status, j.lock, j.abort_requested", "update")}, cancelled as (
  update ${t.jobs} j set status = 'cancelled', ready = false, wake_at = null, queueing_key = null, finished_at = statement_timestamp()
  from found f where j.id = f.id and f.status = 'todo' and not $5::boolean
  returning j.id
), gone as (
  delete from ${t.jobs} j using found f where j.id = f.id and f.status = 'todo' and $5::boolean
  returning j.id
), gone_events as (
  delete from ${t.events} where job_id = any(array(select id from gone))
), aborting as (
  update ${t.jobs} j set abort_requested = true
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

/** The jobs of a batch with the state that was found and what was done; null where that state does not allow it. */
export interface ChangedBatch<Outcome> {
  readonly jobs: readonly (readonly [id: bigint, found: JobStatus, outcome: Outcome | null])[];
  /** After which id the next batch begins; undefined after the last one. */
  readonly last: bigint | undefined;
  /** To be promoted. */
  readonly locks: readonly string[];
}

export interface ChangedRow {
  readonly last: string | null;
  readonly locks: string | null;
  readonly jobs: string | null;
}

export function parseChanged<Outcome>({ last, locks, jobs }: ChangedRow): ChangedBatch<Outcome> {
  const rows = JSON.parse(jobs ?? "[]") as [id: string, found: JobStatus, outcome: Outcome | null][];
  return {
    jobs: rows.map(([id, found, outcome]) => [BigInt(id), found, outcome]),
    last: last === null ? undefined : BigInt(last),
    locks: parseLocks(locks),
  };
}

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
  return parseChanged(await run<ChangedRow>(sql, [...batchValues(batch), abort, deleteJobs, inTransaction]));
}
