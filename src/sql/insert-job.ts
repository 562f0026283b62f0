import type { NewJob } from "./insert-jobs.ts";
import { isIdle, notify } from "./job-row.ts";
import { optionalStatement, type QueueSql } from "./statement.ts";

/**
 * $1 queue, $2 task, $3 priority, $4 lock, $5 queueing lock, $6 the arguments as JSON, $7 what idle workers are told, up
 * to the job's id. The lighter sibling of insert_jobs for one job that may run at once: half of what that one costs is
 * planning, of which making the JSON here, asking for idle workers with `exists`, and `||` would be a sixth.
 * A row whose queueing lock is taken is left out, as there.
 */
const run = optionalStatement(
  "insert_job",
  (t) => `
insert into ${t.jobs} as j (queue_name, task_name, priority, lock, queueing_lock, queueing_key, args, scheduled_at, ready, wake_at)
values ($1::text, $2::text, $3::int, $4::text, $5::text, $5::text, $6::text::jsonb, null, true, null)
on conflict (queueing_key) where queueing_key is not null do nothing
returning j.id::text as id,
  (select ${notify(t, `concat($7::text, j.id, '"}')`)} from ${t.workers} w where ${isIdle("$1::text")} limit 1)::text as notified`,
  { isPreparable: true },
);

/** Whether the lighter statement will do. */
export function isImmediate(job: NewJob): boolean {
  return job.atMs === null && job.inMs === null && !job.mutex;
}

/** Writes a job that may run at once and gives its id; undefined where its queueing lock is taken. */
export async function insertJob(sql: QueueSql, job: NewJob): Promise<bigint | undefined> {
  const { queue, task, priority, lock, queueingLock, argsJson } = job;
  // An idle worker claims by its id what has no lock.
  const told = `${JSON.stringify({ queue, delayMs: 0 }).slice(0, -1)},${lock === null ? '"job":"' : '"lockedJob":"'}`;
  const row = await run<{ id: string }>(sql, [queue, task, priority, lock, queueingLock, argsJson, told]);
  return row && BigInt(row.id);
}
