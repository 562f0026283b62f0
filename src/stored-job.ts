import type { JobEventType, JobStatus } from "./job.ts";
import type { JsonObject, JsonValue } from "./json.ts";

/** A job as it stands in the database, whatever its state. */
export interface StoredJob {
  readonly id: bigint;
  readonly status: JobStatus;
  readonly queue: string;
  readonly taskName: string;
  /** Higher runs first. */
  readonly priority: number;
  readonly lock: string | null;
  /** Whether jobs of its lock run in order, or only one at a time. */
  readonly lockMode: "ordered" | "mutex";
  readonly queueingLock: string | null;
  readonly args: JsonObject;
  /** How many runs ended, without those that a shutdown or a crash ended. */
  readonly attempts: number;
  /** How often it was taken back from a dead worker. */
  readonly rescues: number;
  /** Somebody asked for its end while it ran. */
  readonly abortRequested: boolean;
  /** Who runs it, or ran it last; null before the first run and while it waits. */
  readonly workerId: bigint | null;
  /** Not before this time; null for as soon as possible. */
  readonly scheduledAt: Date | null;
  readonly deferredAt: Date;
  /** When a worker took it for its last run; null while it waits. */
  readonly startedAt: Date | null;
  /** Null while it waits or runs. */
  readonly finishedAt: Date | null;
  /** What its handler stored; null for nothing. */
  readonly result: JsonValue;
  /** What its handler said last of how far it is; null for nothing. */
  readonly progress: JsonValue;
}

/** Something that happened to a job. */
export interface JobEvent {
  readonly type: JobEventType;
  readonly at: Date;
  /** Of a failure: the error's `name`, `message` and `stack`, the `attempt` and the `worker`; null where there is nothing to say. */
  readonly detail: JsonObject | null;
}
