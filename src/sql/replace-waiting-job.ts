import { followCommit } from "../retry-transient.ts";
import { type NewJob, newJobJson } from "./insert-jobs.ts";
import { notifyIdle } from "./job-row.ts";
import { leaveToWorkers, promoteLocks } from "./promote-locks.ts";
import { type QueueSql, statement } from "./statement.ts";

/**
 * $1 one job as JSON, $2 whether a transaction of the caller goes on. Changes the job that waits under its queueing
 * lock. Its id and its place in the history stay, all the rest is the new job's.
 *
 * With another lock, a lower priority, or `mutex` and a time to wait for, it may be the head of its former lock no longer: what waited behind it is to
 * be promoted, which can only be done after the commit. Until then a fetch sees it as the head, and sets others aside
 * behind it. So a transaction that goes on leaves it to the workers, as a notification: these come with the commit.
 */
const run = statement(
  "replace_waiting_job",
  (t) => `
with waiting as (
  select o.id, o.lock, o.priority from ${t.jobs} o
  where o.queueing_key = (select $1::text::jsonb ->> 'queueingLock')
  for no key update
), replaced as (
  update ${t.jobs} j set queue_name = r.queue, task_name = r.task, priority = coalesce(r.priority, 0), lock = r.lock,
         mutex = coalesce(r.mutex, false), args = r.args,
         scheduled_at = s.at, ready = s.at is null or s.at <= now(), wake_at = case when s.at > now() then s.at end
  from waiting w cross join jsonb_to_record($1::text::jsonb) as r(queue text, task text, priority int, lock text, mutex boolean, "queueingLock" text,
         args jsonb, "atMs" float8, "inMs" float8)
  cross join lateral (
    select coalesce(to_timestamp(r."atMs" / 1000), clock_timestamp() + r."inMs" * interval '1 millisecond') as at
  ) s
  where j.id = w.id
  returning j.id, j.queue_name, j.wake_at, case when w.lock is distinct from j.lock or j.priority < w.priority
         or (j.mutex and j.wake_at is not null) then w.lock end as left_lock
), changed as (
  select queue_name, case when wake_at is null then 0 else extract(epoch from wake_at - now())::float8 * 1000 end as delay_ms from replaced
), notified as materialized (${notifyIdle(t, "changed")}
), left_locks as (
  select left_lock as lock from replaced
), left_to_workers as materialized (${leaveToWorkers(t, "left_locks", "$2::boolean")})
select (select id::text from replaced) as id, (select left_lock from replaced) as "leftLock", (select sent::int from notified) as notified,
       (select told from left_to_workers) as "leftToWorkers"`,
);

/** Replaces the job that waits under the queueing lock of `job` and gives its id; undefined when none waits. */
export async function replaceWaitingJob(
  sql: QueueSql,
  job: NewJob,
  { inTransaction }: { readonly inTransaction: boolean },
): Promise<bigint | undefined> {
  const row = await run<{ id: string | null; leftLock: string | null }>(sql, [newJobJson(job), inTransaction]);
  const { id, leftLock } = row;
  if (id === null) return undefined;
  if (leftLock !== null && !inTransaction) await followCommit(() => promoteLocks(sql, [leftLock]));
  return BigInt(id);
}
