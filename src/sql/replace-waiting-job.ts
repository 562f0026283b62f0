import { type NewJob, newJobJson } from "./insert-jobs.ts";
import { notifyIdle } from "./job-row.ts";
import { promoteLocks } from "./promote-locks.ts";
import { type QueueSql, statement } from "./statement.ts";

/**
 * $1 one job as JSON. Changes the job that waits under its queueing lock. Its id and
 * its place in the history stay, all the rest is the new job's.
 */
const run = statement(
  "replace_waiting_job",
  (t) => `
with waiting as (
  select o.id, o.lock from ${t.jobs} o
  where o.queueing_key = (select $1::text::jsonb ->> 'queueingLock')
  for no key update
), replaced as (
  update ${t.jobs} j set queue_name = r.queue, task_name = r.task, priority = r.priority, lock = r.lock, args = r.args,
         scheduled_at = s.at, ready = s.at is null or s.at <= now(), wake_at = case when s.at > now() then s.at end
  from waiting w cross join jsonb_to_record($1::text::jsonb) as r(queue text, task text, priority int, lock text, "queueingLock" text,
         args jsonb, "atMs" float8, "inMs" float8)
  cross join lateral (
    select coalesce(to_timestamp(r."atMs" / 1000), clock_timestamp() + r."inMs" * interval '1 millisecond') as at
  ) s
  where j.id = w.id
  returning j.id, j.queue_name, j.wake_at, w.lock as former_lock
), changed as (
  select queue_name, case when wake_at is null then 0 else extract(epoch from wake_at - now())::float8 * 1000 end as delay_ms from replaced
), notified as materialized (${notifyIdle(t, "changed")})
select (select id::text from replaced) as id, (select former_lock from replaced) as "formerLock", (select sent::int from notified) as notified`,
);

/** Replaces the job that waits under the queueing lock of `job` and gives its id; undefined when none waits. */
export async function replaceWaitingJob(sql: QueueSql, job: NewJob): Promise<bigint | undefined> {
  const row = await run<{ id: string | null; formerLock: string | null }>(sql, [newJobJson(job)]);
  if (row.id === null) return undefined;
  // It may have been the head of that lock, and is not any longer: what waited behind it must not wait for a sweep.
  if (row.formerLock !== null) await promoteLocks(sql, [row.formerLock]);
  return BigInt(row.id);
}
