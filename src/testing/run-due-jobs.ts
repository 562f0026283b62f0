import type { App, Job, WorkerOptions } from "../index.ts";

/** What became of the jobs that ran, in the order in which they ended. */
export interface JobsRun {
  readonly succeeded: readonly Job[];
  readonly failed: readonly { readonly job: Job; readonly error: unknown }[];
  /** Runs that failed and were put back to wait; those that were due at once ran again. */
  readonly retried: readonly { readonly job: Job; readonly error: unknown }[];
  readonly aborted: readonly Job[];
}

/**
 * Runs all jobs that can run now, with those that they defer, and resolves when none is left: for tests. Jobs that are
 * scheduled for later, also by a retry with a delay, stay.
 *
 * @param options As for `app.createWorker`; `wait`, `listen` and `installSignalHandlers` are off.
 * @throws what `worker.run()` throws; that a job fails is no error.
 */
export async function runDueJobs<Tx>(app: App<Tx>, options: WorkerOptions = {}): Promise<JobsRun> {
  const run = { succeeded: [] as Job[], failed: [] as Ended[], retried: [] as Ended[], aborted: [] as Job[] };
  const worker = app.createWorker({ ...options, wait: false, listen: false, installSignalHandlers: false });
  worker.on("job_success", ({ job }) => run.succeeded.push(job));
  worker.on("job_error", ({ job, error }) => run.failed.push({ job, error }));
  worker.on("job_error_retry", ({ job, error }) => run.retried.push({ job, error }));
  worker.on("job_aborted", ({ job }) => run.aborted.push(job));
  await worker.run();
  return run;
}

type Ended = JobsRun["failed"][number];
