import type { EventDetail } from "./end-jobs.ts";
import { lostAmong } from "./finish-jobs.ts";
import { isHeldBy, type Lease, notifyIdle, PATIENCE, queueingKeyAgain } from "./job-row.ts";
import { type QueueSql, statement } from "./statement.ts";

/** A job whose run failed and which shall run again. */
export interface RetriedJob extends Lease {
  readonly delayMs: number;
  /** Milliseconds since 1970, in place of the delay. */
  readonly atMs?: number | undefined;
  readonly priority?: number | undefined;
  readonly queue?: string | undefined;
  /** A new lock, null for none, undefined for the one it has. */
  readonly lock?: string | null | undefined;
  readonly detail: EventDetail;
}

/**
 * $1 the jobs as JSON, $2 worker, $3 whether they take their queueing keys again. A job whose abort was requested meanwhile ends as aborted: a waiting job cannot be asked to
 * abort, and nobody wants it to run again.
 */
const run = statement(
  "retry_jobs",
  (t) => `
with failed as materialized (
  select r.*, coalesce(to_timestamp(r."atMs" / 1000), now() + r."delayMs" * interval '1 millisecond') as at
  from jsonb_to_recordset($1::text::jsonb)
    as r(id bigint, lease int, "delayMs" float8, "atMs" float8, priority int, queue text, "setLock" boolean, lock text, detail jsonb)
  limit ${PATIENCE}
), again as (
  update ${t.jobs} j set status = 'todo', worker_id = null, started_at = null, running_lock = null,
         attempts = j.attempts + 1, priority = coalesce(f.priority, j.priority), queue_name = coalesce(f.queue, j.queue_name),
         lock = case when f."setLock" then f.lock else j.lock end,
         scheduled_at = f.at, ready = f.at <= now(), wake_at = case when f.at > now() then f.at end,
         queueing_key = ${queueingKeyAgain(t, "select id from failed", "$3")}
  from failed f
  where j.id = f.id and ${isHeldBy("f", "$2")} and not j.abort_requested
  returning j.id, j.queue_name, greatest(extract(epoch from f.at - now())::float8 * 1000, 0) as delay_ms, f.detail
), aborted as (
  update ${t.jobs} j set status = 'aborted', ready = false, wake_at = null, running_lock = null,
         attempts = j.attempts + 1, finished_at = now()
  from failed f
  where j.id = f.id and ${isHeldBy("f", "$2")} and j.abort_requested
  returning j.id, f.detail
), events as (
  insert into ${t.events} (job_id, type, detail)
  select id, 'deferred_for_retry'::${t.jobEventType}, detail from again
  union all select id, 'aborted', detail from aborted
), changed as (
  select queue_name, delay_ms from again
), notified as materialized (${notifyIdle(t, "changed")}), done as (
  select id from again union all select id from aborted
)
select (select count(*)::int from done) as count, (select json_agg(d.id::text)::text from done d) as ids,
       (select json_agg(id::text)::text from aborted) as aborted, (select sent::int from notified) as notified`,
);

export interface PutBack<Item> {
  /** They no longer belonged to the worker. */
  readonly lost: Item[];
  /** Their abort had been requested: they ended as aborted instead. */
  readonly aborted: readonly bigint[];
}

/** Puts failed jobs back to wait for their next run. */
export function retryJobs<Item extends RetriedJob>(
  sql: QueueSql,
  { workerId, jobs, withKeys }: PutBackRequest<Item>,
): Promise<PutBack<Item>> {
  return putBack(jobs, (some) => run(sql, [retriedJson(some), String(workerId), withKeys]));
}

export interface PutBackRequest<Item> {
  readonly workerId: bigint;
  readonly jobs: readonly Item[];
  /** Take their queueing locks again, as far as these are free, which may have to wait for another transaction. */
  readonly withKeys: boolean;
}

function retriedJson(jobs: readonly RetriedJob[]): string {
  const rows = jobs.map(({ id, lease, delayMs, atMs, priority, queue, lock, detail }) => ({
    ...{ id: String(id), lease, delayMs, atMs, priority, queue, detail },
    ...(lock === undefined ? {} : { setLock: true, lock }),
  }));
  return JSON.stringify(rows);
}

export interface PutBackRow {
  readonly count: number;
  readonly ids: string | null;
  readonly aborted: string | null;
}

/**
 * Runs a statement that puts jobs back; a second time for those that it did not change: one whose abort was requested
 * while the statement waited for its row is no longer what the statement's snapshot said.
 */
export async function putBack<Item extends Lease>(
  jobs: readonly Item[],
  run: (some: readonly Item[]) => Promise<PutBackRow>,
): Promise<PutBack<Item>> {
  const first = await run(jobs);
  const missed = lostAmong(jobs, first);
  if (missed.length === 0) return { lost: [], aborted: idsOf(first.aborted) };
  const second = await run(missed);
  return { lost: lostAmong(missed, second), aborted: [...idsOf(first.aborted), ...idsOf(second.aborted)] };
}

function idsOf(text: string | null): bigint[] {
  return text === null ? [] : (JSON.parse(text) as string[]).map(BigInt);
}
