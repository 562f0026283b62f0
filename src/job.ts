import type { JsonObject } from "./json.ts";

/** Where a job stands. `todo` and `doing` are alive, the others final. */
export const JOB_STATUSES = ["todo", "doing", "succeeded", "failed", "cancelled", "aborted"] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/** What the events table says of a job; Procrastinate's names, and three of our own: `rescued`, `changed`, `logged`. */
export const JOB_EVENT_TYPES = [
  "deferred",
  "started",
  "deferred_for_retry",
  "failed",
  "succeeded",
  "cancelled",
  "abort_requested",
  "aborted",
  "scheduled",
  "retried",
  "rescued",
  "changed",
  "logged",
] as const;
export type JobEventType = (typeof JOB_EVENT_TYPES)[number];

/** A job as the worker got it. */
export interface Job {
  readonly id: bigint;
  readonly queue: string;
  readonly taskName: string;
  readonly priority: number;
  readonly lock: string | null;
  readonly queueingLock: string | null;
  readonly args: JsonObject;
  /** How many runs of this job ended before this one. */
  readonly attempts: number;
  /** Goes up each time the job is given to a worker: what a worker writes with an older lease is refused. */
  readonly lease: number;
  /** How many times the job was taken back from a worker that died. */
  readonly rescues: number;
  readonly scheduledAt: Date | null;
  readonly deferredAt: Date;
}

/** The longest name of a task or a queue, in characters. */
export const MAX_NAME_LENGTH = 128;
