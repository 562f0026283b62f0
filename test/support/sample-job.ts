import type { Job } from "../../src/job.ts";

/** A job as a worker gets it, for what decides without a database. */
export function sampleJob(fields: Partial<Job> = {}): Job {
  return {
    id: 7n,
    queue: "default",
    taskName: "sample",
    priority: 0,
    lock: null,
    queueingLock: null,
    args: {},
    attempts: 0,
    lease: 1,
    rescues: 0,
    scheduledAt: null,
    deferredAt: new Date(0),
    ...fields,
  };
}
