import type { JobStatus } from "../job.ts";
import type { JsonObject, JsonValue } from "../json.ts";
import type { StoredJob } from "../stored-job.ts";
import { milliseconds } from "./job-row.ts";

type Milliseconds = number | string;

type StoredRow = readonly [
  id: string,
  status: JobStatus,
  queue: string,
  task: string,
  priority: number,
  lock: string | null,
  mutex: boolean,
  queueingLock: string | null,
  args: JsonObject,
  attempts: number,
  rescues: number,
  abortRequested: boolean,
  workerId: string | null,
  scheduledAt: Milliseconds | null,
  deferredAt: Milliseconds,
  startedAt: Milliseconds | null,
  finishedAt: Milliseconds | null,
  result: JsonValue,
  progress: JsonValue,
];

/** All that an app sees of the row `j`, as JSON. */
export const STORED_JOB = `json_build_array(j.id::text, j.status, j.queue_name, j.task_name, j.priority, j.lock, j.mutex,
  j.queueing_lock, j.args, j.attempts, j.rescues, j.abort_requested, j.worker_id::text, ${milliseconds("j.scheduled_at")},
  ${milliseconds("j.deferred_at")}, ${milliseconds("j.started_at")}, ${milliseconds("j.finished_at")}, j.result, j.progress)`;

/** The jobs of a JSON list of such rows. */
export function parseStoredJobs(text: string | null): StoredJob[] {
  return text === null ? [] : (JSON.parse(text) as StoredRow[]).map(toStoredJob);
}

function toStoredJob(row: StoredRow): StoredJob {
  const [id, status, queue, taskName, priority, lock, mutex, queueingLock, args, ...run] = row;
  const [attempts, rescues, abortRequested, workerId, scheduledAt, deferredAt, startedAt, finishedAt, ...left] = run;
  const [result, progress] = left;
  return {
    ...{ id: BigInt(id), status, queue, taskName, priority, lock, lockMode: mutex ? "mutex" : "ordered", queueingLock },
    ...{ args, attempts, rescues, abortRequested, workerId: workerId === null ? null : BigInt(workerId) },
    scheduledAt: toDate(scheduledAt),
    deferredAt: new Date(Number(deferredAt)),
    startedAt: toDate(startedAt),
    finishedAt: toDate(finishedAt),
    ...{ result, progress },
  };
}

function toDate(ms: Milliseconds | null): Date | null {
  return ms === null ? null : new Date(Number(ms));
}
