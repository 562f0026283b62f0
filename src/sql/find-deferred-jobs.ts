import type { JobStatus } from "../job.ts";
import type { JsonObject } from "../json.ts";
import { type QueueSql, statement } from "./statement.ts";

/** $1 task. Of tests, so that there are few. */
const run = statement(
  "find_deferred_jobs",
  (
    t,
  ) => `select (select json_agg(json_build_array(j.id::text, j.status, j.queue_name, j.priority, j.lock, j.queueing_lock, j.args,
    round(date_part('epoch', j.scheduled_at) * 1000), round(date_part('epoch', j.deferred_at) * 1000)) order by j.id)::text
  from ${t.jobs} j where j.task_name = $1::text) as jobs`,
);

/** A job as it was deferred. */
export interface DeferredJob {
  readonly id: bigint;
  readonly status: JobStatus;
  readonly queue: string;
  readonly priority: number;
  readonly lock: string | null;
  readonly queueingLock: string | null;
  readonly args: JsonObject;
  readonly scheduledAt: Date | null;
  readonly deferredAt: Date;
}

type Row = readonly [
  id: string,
  status: JobStatus,
  queue: string,
  priority: number,
  lock: string | null,
  queueingLock: string | null,
  args: JsonObject,
  scheduledAt: number | null,
  deferredAt: number,
];

/** All jobs of a task, by id. */
export async function findDeferredJobs(sql: QueueSql, task: string): Promise<DeferredJob[]> {
  const { jobs } = await run<{ jobs: string | null }>(sql, [task]);
  const rows = JSON.parse(jobs ?? "[]") as Row[];
  return rows.map(([id, status, queue, priority, lock, queueingLock, args, scheduledAt, deferredAt]) => ({
    ...{ id: BigInt(id), status, queue, priority, lock, queueingLock, args },
    scheduledAt: scheduledAt === null ? null : new Date(scheduledAt),
    deferredAt: new Date(deferredAt),
  }));
}
