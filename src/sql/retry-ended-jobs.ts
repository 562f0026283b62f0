import { type ChangedBatch, type ChangedRow, parseChanged } from "./changed-batch.ts";
import { batchValues, chosenJobs, type JobBatch, LAST_ID } from "./job-filter.ts";
import { notifyIdle } from "./job-row.ts";
import { type QueueSql, statement } from "./statement.ts";

/** The states from which a job may run again. */
export const RETRYABLE_STATUSES = ["failed", "aborted", "cancelled"] as const;
const IS_RETRYABLE = `f.status in (${RETRYABLE_STATUSES.map((status) => `'${status}'`).join(", ")})`;

/**
 * $1 to $3 which jobs, $4 the reserved queueing keys as JSON, or null, $5 priority, $6 queue, $7 whether the lock changes
 * and $8 to which, $9 and $10 when, $11 whether the queueing lock is dropped.
 *
 * A job with a queueing lock waits again only under a key that was reserved for it (reserve_queueing_keys): the update
 * alone would raise a unique violation, and abort the caller's transaction, where a job with the same lock is being
 * deferred. `gone` frees the keys before `again` takes them. The lease goes up so that the events are deleted with the job.
 */
const run = statement(
  "retry_ended_jobs",
  (t) => `
with ${chosenJobs(t, "j.id, j.status, j.queueing_lock", "no key update")}, keys as materialized (
  select (k.value ->> 0)::bigint as id, k.value ->> 1 as key from jsonb_array_elements($4::text::jsonb) k
), verdicts as materialized (
  select f.id, f.status, case when not (${IS_RETRYABLE}) then null
         when f.queueing_lock is null or $11::boolean then 'retried'
         when $4::text is null then 'keyed'
         when f.queueing_lock in (select key from keys)
           and row_number() over (partition by f.queueing_lock, ${IS_RETRYABLE} order by f.id) = 1 then 'retried'
         else 'taken' end as verdict
  from found f
), gone as (
  delete from ${t.jobs} where id = any(array(select id from keys)) returning 1
), again as (
  update ${t.jobs} j set status = 'todo', abort_requested = false, worker_id = null, started_at = null, finished_at = null,
         result = null, progress = null, running_lock = null, rescues = 0, lease = j.lease + 1,
         priority = coalesce($5::int, j.priority), queue_name = coalesce($6::text, j.queue_name),
         lock = case when $7::boolean then $8::text else j.lock end,
         queueing_lock = case when $11::boolean then null else j.queueing_lock end,
         queueing_key = case when $11::boolean then null else j.queueing_lock end,
         scheduled_at = s.at, ready = s.at is null or s.at <= now(), wake_at = case when s.at > now() then s.at end
  from verdicts v cross join (
    select coalesce(to_timestamp($9::float8 / 1000), clock_timestamp() + $10::float8 * interval '1 millisecond') as at
  ) s
  where j.id = v.id and v.verdict = 'retried' and (select count(*) from gone) >= 0
  returning j.id, j.queue_name, j.wake_at, v.status as former
), events as (
  insert into ${t.events} (job_id, type, at, detail)
  select id, 'retried'::${t.jobEventType}, statement_timestamp(), jsonb_build_object('from', former) from again
), changed as (
  select queue_name, case when wake_at is null then 0 else extract(epoch from wake_at - now())::float8 * 1000 end as delay_ms from again
), notified as materialized (${notifyIdle(t, "changed")})
select ${LAST_ID} as last, null::text as locks,
       (select json_agg(json_build_array(v.id::text, v.status, v.verdict))::text from verdicts v) as jobs,
       (select sent::int from notified) as notified`,
);

/**
 * $1 to $3 which jobs. Takes the queueing locks of jobs that shall be retried for rows that stand in for them until the
 * end of the transaction, and are seen by nobody: what `on conflict do nothing` can say only of an insert. Waits for
 * transactions that are about to take one.
 */
const reserve = statement(
  "reserve_queueing_keys",
  (t) => `
with ${chosenJobs(t, "j.id, j.status, j.queueing_lock", "no key update")}, reserved as (
  insert into ${t.jobs} (queue_name, task_name, queueing_key)
  select 'reserved', 'reserved', f.queueing_lock from found f where f.queueing_lock is not null and ${IS_RETRYABLE}
  group by f.queueing_lock order by f.queueing_lock
  on conflict (queueing_key) where queueing_key is not null do nothing
  returning id, queueing_key
)
select (select json_agg(json_build_array(r.id::text, r.queueing_key))::text from reserved r) as keys`,
);

/** What differs in the next run; undefined for what stays. */
export interface RetryChange {
  readonly priority?: number | undefined;
  readonly queue?: string | undefined;
  readonly lock?: string | null | undefined;
  /** Wait without the queueing lock. */
  readonly dropsQueueingLock: boolean;
  readonly atMs: number | null;
  readonly inMs: number | null;
}

/** `keyed`: it has a queueing lock, which must be reserved first. `taken`: another job waits under it. */
export type RetryOutcome = "retried" | "keyed" | "taken";

/** Lets ended jobs run again, without those that have a queueing lock. */
export function retryEndedJobs(
  sql: QueueSql,
  batch: JobBatch,
  change: RetryChange,
): Promise<ChangedBatch<RetryOutcome>> {
  return retryWithKeys(sql, batch, change, null);
}

/** The same with those that have a queueing lock, if it is free. Two statements, which need a transaction around them. */
export async function retryKeyedJobs(
  sql: QueueSql,
  batch: JobBatch,
  change: RetryChange,
): Promise<ChangedBatch<RetryOutcome>> {
  const { keys } = await reserve<{ keys: string | null }>(sql, batchValues(batch));
  return retryWithKeys(sql, batch, change, keys ?? "[]");
}

async function retryWithKeys(
  sql: QueueSql,
  batch: JobBatch,
  { priority, queue, lock, dropsQueueingLock, atMs, inMs }: RetryChange,
  keys: string | null,
): Promise<ChangedBatch<RetryOutcome>> {
  const changes = [priority ?? null, queue ?? null, lock !== undefined, lock ?? null, atMs, inMs, dropsQueueingLock];
  return parseChanged(await run<ChangedRow>(sql, [...batchValues(batch), keys, ...changes]));
}
