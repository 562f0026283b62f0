import type { App, Job, WorkerOptions } from "../index.ts";
import { appInTransaction } from "./transaction-app.ts";

/** What became of the jobs that ran, in the order in which they ended. */
export interface JobsRun {
  readonly succeeded: readonly Job[];
  readonly failed: readonly { readonly job: Job; readonly error: unknown }[];
  /** Runs that failed and were put back to wait; those that were due at once ran again. */
  readonly retried: readonly { readonly job: Job; readonly error: unknown }[];
  readonly aborted: readonly Job[];
}

export interface RunDueJobsOptions<Tx> extends WorkerOptions {
  /**
   * Run the jobs inside this transaction, which also sees those that it deferred itself: nothing of the run is left when
   * it rolls back.
   */
  readonly tx?: Tx;
}

/**
 * Runs all jobs that can run now, with those that they defer, and resolves when none is left: for tests. Jobs that are
 * scheduled for later, also by a retry with a delay, stay.
 *
 * @param options As for `app.createWorker`; `wait`, `listen` and `installSignalHandlers` are off.
 * @throws what `worker.run()` throws; that a job fails is no error. With `tx`, the DatabaseError that broke the transaction.
 */
export async function runDueJobs<Tx extends object>(
  app: App<Tx>,
  { tx, ...options }: RunDueJobsOptions<Tx> = {},
): Promise<JobsRun> {
  if (tx === undefined) return run(app, options);
  const inside = appInTransaction(app, tx);
  return run(inside.app, options, inside.broken);
}

async function run<Tx>(app: App<Tx>, options: WorkerOptions, broken?: Promise<never>): Promise<JobsRun> {
  const run = { succeeded: [] as Job[], failed: [] as Ended[], retried: [] as Ended[], aborted: [] as Job[] };
  const worker = app.createWorker({ ...options, wait: false, listen: false, installSignalHandlers: false });
  worker.on("job_success", ({ job }) => run.succeeded.push(job));
  worker.on("job_error", ({ job, error }) => run.failed.push({ job, error }));
  worker.on("job_error_retry", ({ job, error }) => run.retried.push({ job, error }));
  worker.on("job_aborted", ({ job }) => run.aborted.push(job));
  const done = worker.run();
  try {
    await Promise.race(broken === undefined ? [done] : [done, broken]);
  } catch (error) {
    // It would go on trying; what it says in the end is of no interest.
    worker.stop().catch(() => undefined);
    throw error;
  }
  return run;
}

type Ended = JobsRun["failed"][number];
