import type { NewJob } from "./insert-jobs.ts";
import { notifyIdle } from "./job-row.ts";
import { type QueueSql, statement } from "./statement.ts";

/**
 * $1 queue, $2 task, $3 priority, $4 lock, $5 milliseconds since 1970, $6 milliseconds from now, $7 the arguments of
 * the jobs as one JSON array. The lighter sibling of insert_jobs for jobs that differ in their arguments alone: most
 * batches. Without queueing locks, so that every row is written.
 */
const run = statement(
  "insert_uniform_jobs",
  (t) => `
with moment as materialized (
  select coalesce(to_timestamp($5::float8 / 1000), clock_timestamp() + $6::float8 * interval '1 millisecond') as at
), inserted as (
  insert into ${t.jobs} (queue_name, task_name, priority, lock, args, scheduled_at, ready, wake_at)
  select $1::text, $2::text, $3::int, $4::text, a.args, m.at, m.at is null or m.at <= now(), case when m.at > now() then m.at end
  from moment m cross join jsonb_array_elements($7::text::jsonb) with ordinality as a(args, place)
  order by a.place
  returning id
), changed as (
  select $1::text as queue_name, case when m.at > now() then extract(epoch from m.at - now())::float8 * 1000 else 0 end as delay_ms from moment m
), notified as materialized (${notifyIdle(t, "changed")})
select (select json_agg(i.id::text)::text from inserted i) as inserted, (select sent::int from notified) as notified`,
  { isPreparable: true },
);

/** Whether the jobs differ in their arguments alone, and have neither a queueing lock nor `mutex`. */
export function isUniform([first, ...others]: readonly NewJob[]): boolean {
  if (first === undefined || first.queueingLock !== null || first.mutex) return false;
  const { queue, task, priority, lock, atMs, inMs } = first;
  return others.every(
    (job) =>
      job.lock === lock &&
      job.queueingLock === null &&
      !job.mutex &&
      job.queue === queue &&
      job.task === task &&
      job.priority === priority &&
      job.atMs === atMs &&
      job.inMs === inMs,
  );
}

/** Writes jobs that are uniform and gives the id of each, in their order. */
export async function insertUniformJobs(sql: QueueSql, jobs: readonly NewJob[]): Promise<bigint[]> {
  const [first] = jobs;
  if (first === undefined) return [];
  const { queue, task, priority, lock, atMs, inMs } = first;
  const args = `[${jobs.map((job) => job.argsJson).join(",")}]`;
  const row = await run<{ inserted: string }>(sql, [queue, task, priority, lock, atMs, inMs, args]);
  const ids = (JSON.parse(row.inserted) as string[]).map(BigInt);
  // Given in the order of the list; what a RETURNING gives has none.
  return ids.sort((a, b) => (a < b ? -1 : 1));
}
