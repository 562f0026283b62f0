import { ProcrastinateError } from "../errors.ts";
import type { JobStatus } from "../job.ts";

/** There is no job of that id: it was deleted, was never committed, or is of another database. */
export class JobNotFoundError extends ProcrastinateError {
  readonly jobId: bigint;

  constructor(jobId: bigint) {
    super("job_not_found", `Job ${jobId} does not exist: it was deleted, or its transaction did not commit.`);
    this.jobId = jobId;
  }
}

/** The state of the job does not allow what was asked for. Nothing was changed, and the caller's transaction stays usable. */
export class JobStatusError extends ProcrastinateError {
  readonly jobId: bigint;
  /** The state that was found. */
  readonly status: JobStatus;

  constructor(jobId: bigint, status: JobStatus, fix: string) {
    super("job_status", `Job ${jobId} is ${status}: ${fix}`);
    this.jobId = jobId;
    this.status = status;
  }
}

/** A job did not finish within the timeout of `app.jobs.wait`. It goes on. */
export class JobWaitTimeoutError extends ProcrastinateError {
  readonly jobId: bigint;
  /** Where it stood last: `todo` or `doing`. */
  readonly status: JobStatus;
  readonly timeoutMs: number;

  constructor(jobId: bigint, status: JobStatus, timeoutMs: number) {
    super("job_wait_timeout", `Job ${jobId} is still ${status} after ${timeoutMs} ms. It goes on; wait for it again.`);
    this.jobId = jobId;
    this.status = status;
    this.timeoutMs = timeoutMs;
  }
}
