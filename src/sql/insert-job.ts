import type { NewJob } from "./insert-jobs.ts";
import { hasIdleWorker, notify } from "./job-row.ts";
import { optionalStatement, type QueueSql } from "./statement.ts";

/**
 * $1 queue, $2 task, $3 priority, $4 lock, $5 queueing lock, $6 the arguments as JSON. The lighter sibling of insert_jobs
 * for one job that may run at once: half of what that one costs is planning. A row whose queueing lock is taken is left
 * out, as there. Idle workers are told which job it is, so that one of them can claim it by its id.
 */
const run = optionalStatement(
  "insert_job",
  (t) => `
insert into ${t.jobs} as j (queue_name, task_name, priority, lock, queueing_lock, queueing_key, args, scheduled_at, ready, wake_at)
values ($1::text, $2::text, $3::int, $4::text, $5::text, $5::text, $6::text::jsonb, null, true, null)
on conflict (queueing_key) where queueing_key is not null do nothing
returning j.id::text as id,
  (select ${notify(t, "json_build_object('queue', j.queue_name, 'delayMs', 0, 'job', case when j.lock is null then j.id::text end)")} where ${hasIdleWorker(t, "j.queue_name")})::text as notified`,
);

/** Whether the lighter statement will do. */
export function isImmediate(job: NewJob): boolean {
  return job.atMs === null && job.inMs === null;
}

/** Writes a job that may run at once and gives its id; undefined where its queueing lock is taken. */
export async function insertJob(sql: QueueSql, job: NewJob): Promise<bigint | undefined> {
  const { queue, task, priority, lock, queueingLock, argsJson } = job;
  const row = await run<{ id: string }>(sql, [queue, task, priority, lock, queueingLock, argsJson]);
  return row && BigInt(row.id);
}
