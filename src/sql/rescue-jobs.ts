import type { EventDetail } from "./end-jobs.ts";
import { notifyIdle, PATIENCE, queueingKeyAgain } from "./job-row.ts";
import { numberArray, type QueueSql, statement, type TableNames } from "./statement.ts";

/**
 * The running jobs of workers that `isOfWorkers`, an SQL condition on `j.worker_id`, takes.
 *
 * No index has worker_id, which every claim changes. A running job is in the fetch index for its first seconds, at the
 * far end of the wake index after that, and in the lock index if a lock's head took it along.
 */
export function runningJobs(t: TableNames, isOfWorkers: string): string {
  const mine = `j.status = 'doing' and ${isOfWorkers}`;
  return `
  select j.ctid as tid, j.worker_id, j.lock from ${t.jobs} j where j.ready and ${mine}
  union select j.ctid, j.worker_id, j.lock from ${t.jobs} j where not j.ready and j.wake_at = 'infinity' and ${mine}
  union select j.ctid, j.worker_id, j.lock from ${t.jobs} j where j.lock is not null and j.finished_at is null and ${mine}`;
}

/**
 * $1 workers, $2 milliseconds without a heartbeat, $3 rescues at most, $4 the detail of an event, $5 whether they take
 * their queueing keys again.
 *
 * Not every job of a dead worker was running: some were only fetched ahead. The first rescue counts for all of them.
 * From then on a worker marks such a job before it runs it (`wake_at` infinity), and only marked ones are counted: so
 * a job that kills its process fails in the end, and its neighbours do not.
 *
 * A job that is locked (its worker's last transaction may still be open) is left for the next time, and so is the row
 * of its worker, by which it is found. So are all others of its lock: their lock must not be freed while that
 * transaction may still be at work.
 */
const run = statement(
  "rescue_jobs",
  (t) => `
with dead as materialized (
  select id from ${t.workers} where id = any($1::text::bigint[])
    and last_heartbeat < now() - $2::float8 * interval '1 millisecond'
  limit ${PATIENCE} for update skip locked
), running as materialized (${runningJobs(t, "j.worker_id = any(array(select id from dead))")}
), verdicts as materialized (
  select j.ctid as tid, j.id, j.rescues + counted as rescues,
         case when j.abort_requested then 'aborted' when counted = 1 and j.rescues >= $3::int then 'failed' else 'todo' end as status
  from ${t.jobs} j, lateral (select case when j.rescues = 0 or j.wake_at = 'infinity' then 1 else 0 end as counted) c
  where j.ctid = any(array(select tid from running)) and j.status = 'doing'
  for no key update of j skip locked
), held as materialized (
  select r.lock from running r where r.lock is not null and r.tid not in (select tid from verdicts)
), again as (
  update ${t.jobs} j set status = 'todo', worker_id = null, started_at = null, running_lock = null, rescues = v.rescues,
         ready = true, wake_at = null, queueing_key = ${queueingKeyAgain(t, "select id from verdicts", "$5")}
  from verdicts v where j.ctid = v.tid and v.status = 'todo' and (j.lock is null or j.lock not in (select lock from held))
  returning j.id, j.queue_name, 0 as delay_ms, j.lock
), ended as (
  update ${t.jobs} j set status = v.status::${t.jobStatus}, running_lock = null, rescues = v.rescues, ready = false,
         wake_at = null, finished_at = now()
  from verdicts v where j.ctid = v.tid and v.status <> 'todo' and (j.lock is null or j.lock not in (select lock from held))
  returning j.id, j.lock, j.status
), gone as (
  delete from ${t.workers} w where w.id in (select id from dead) and not exists (
    select 1 from running r where r.worker_id = w.id and r.tid not in (select tid from verdicts))
  returning w.id
), events as (
  insert into ${t.events} (job_id, type, detail)
  select id, 'rescued'::${t.jobEventType}, null from again
  union all select id, status::text::${t.jobEventType}, case when status = 'failed' then $4::text::jsonb end from ended
), notified as materialized (${notifyIdle(t, "again")})
select (select json_agg(id::text)::text from gone) as workers,
       (select count(*)::int from again) as rescued, (select count(*)::int from ended) as ended,
       (select json_agg(distinct l.lock)::text from (select lock from again union all select lock from ended) l where l.lock is not null) as locks,
       (select sent::int from notified) as notified`,
);

export interface RescueRequest {
  readonly workerIds: readonly bigint[];
  readonly stalledAfterMs: number;
  /** A job that was rescued more often fails. */
  readonly maxRescues: number;
  /** Recorded with a job that fails for it. */
  readonly detail: EventDetail;
  /** Take their queueing locks again, as far as these are free, which may have to wait for another transaction. */
  readonly withKeys: boolean;
}

export interface Rescued {
  readonly workerIds: readonly bigint[];
  readonly rescued: number;
  /** Failed, because they were rescued too often, or aborted, because that was requested. */
  readonly ended: number;
  /** To be promoted. */
  readonly locks: readonly string[];
}

/** Takes the jobs of dead workers back, and removes these workers. */
export async function rescueJobs(sql: QueueSql, request: RescueRequest): Promise<Rescued> {
  const { workerIds, stalledAfterMs, maxRescues, detail, withKeys } = request;
  const values = [numberArray(workerIds), stalledAfterMs, maxRescues, JSON.stringify(detail), withKeys];
  const row = await run<{ workers: string | null; rescued: number; ended: number; locks: string | null }>(sql, values);
  return {
    workerIds: row.workers === null ? [] : (JSON.parse(row.workers) as string[]).map(BigInt),
    rescued: row.rescued,
    ended: row.ended,
    locks: row.locks === null ? [] : (JSON.parse(row.locks) as string[]),
  };
}
