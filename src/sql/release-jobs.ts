import { isHeldBy, type Lease, notifyIdle, PATIENCE, queueingKeyAgain } from "./job-row.ts";
import { type PutBack, type PutBackRequest, putBack } from "./retry-jobs.ts";
import { numberArray, type QueueSql, statement } from "./statement.ts";

/**
 * $1 ids, $2 leases, $3 and $4 ids and leases of running jobs that keep the lock of a released lane, $5 the worker of
 * all, $6 whether they take their queueing keys again.
 *
 * No run ended, so no attempt is counted. When a lane is cut while its first members run on, the lock passes from the
 * last member to the one that runs: `kept` waits for `again`, which frees the unique index first.
 */
const run = statement(
  "release_jobs",
  (t) => `
with released as materialized (
  select * from unnest($1::text::bigint[], $2::text::int[]) u(id, lease) limit ${PATIENCE}
), again as (
  update ${t.jobs} j set status = 'todo', worker_id = null, started_at = null, running_lock = null, ready = true,
         wake_at = null, queueing_key = ${queueingKeyAgain(t, "select id from released", "$6")}
  from released r
  where j.id = r.id and ${isHeldBy("r", "$5")} and not j.abort_requested
  returning j.id, j.queue_name, 0 as delay_ms
), aborted as (
  update ${t.jobs} j set status = 'aborted', ready = false, wake_at = null, running_lock = null, finished_at = now()
  from released r
  where j.id = r.id and ${isHeldBy("r", "$5")} and j.abort_requested
  returning j.id
), kept as (
  update ${t.jobs} j set running_lock = j.lock
  from unnest($3::text::bigint[], $4::text::int[]) k(id, lease)
  where j.id = k.id and ${isHeldBy("k", "$5")}
    and (select count(*) from again) + (select count(*) from aborted) > 0
), events as (
  insert into ${t.events} (job_id, type) select id, 'aborted'::${t.jobEventType} from aborted
), notified as materialized (${notifyIdle(t, "again")}), done as (
  select id from again union all select id from aborted
)
select (select count(*)::int from done) as count, (select json_agg(d.id::text)::text from done d) as ids,
       (select json_agg(id::text)::text from aborted) as aborted, (select sent::int from notified) as notified`,
);

export interface ReleaseRequest<Item extends Lease> extends PutBackRequest<Item> {
  /** Jobs of the same locks that run on. */
  readonly lockKeepers: readonly Lease[];
}

/** Gives claimed jobs back as if they had never been claimed. */
export function releaseJobs<Item extends Lease>(
  sql: QueueSql,
  { jobs, lockKeepers, workerId, withKeys }: ReleaseRequest<Item>,
): Promise<PutBack<Item>> {
  const idsAndLeases = (list: readonly Lease[]): string[] => [
    numberArray(list.map(({ id }) => id)),
    numberArray(list.map(({ lease }) => lease)),
  ];
  return putBack(jobs, (some) =>
    run(sql, [...idsAndLeases(some), ...idsAndLeases(lockKeepers), String(workerId), withKeys]),
  );
}
