import type { Duration } from "../duration.ts";
import type { CancelOutcome } from "../sql/cancel-jobs.ts";
import type { GroupCounts, JobGroup, StatusCounts } from "../sql/count-jobs.ts";
import type { JobOrder } from "../sql/list-jobs.ts";
import type { JobEvent, StoredJob } from "../stored-job.ts";
import type { Schedule } from "../task/deferrer.ts";
import type { JobFilter } from "./job-filter.ts";

/** Where the call reads and writes. */
export interface WithTx<Tx> {
  /** A transaction of the app's ORM: what is changed happens when, and only when, that commits. */
  readonly tx?: Tx | undefined;
}

export interface ListJobsOptions<Tx = object> extends WithTx<Tx> {
  /** Jobs per page, 1 to 1,000. Default: 100. A page of jobs with large arguments may be shorter. */
  readonly limit?: number;
  /** `nextCursor` of the page before; the filter, `orderBy` and `order` must be the same. */
  readonly cursor?: string | undefined;
  /** Default: `id`. Jobs without such a time come last. Anything but `id` sorts all jobs that match. */
  readonly orderBy?: JobOrder;
  /** Default: `asc`. */
  readonly order?: "asc" | "desc";
}

export interface JobPage {
  readonly jobs: readonly StoredJob[];
  /** For the next page; undefined on the last one. */
  readonly nextCursor: string | undefined;
}

export interface CountByOptions<Tx = object> extends WithTx<Tx> {
  /** How many names, 1 to 10,000. Default: 1,000. */
  readonly limit?: number;
  /** Only names after this one: the last of the page before. */
  readonly after?: string | undefined;
}

export interface CancelJobOptions<Tx = object> extends WithTx<Tx> {
  /** Ask a job that runs to stop, by its `context.signal`. Default: false. */
  readonly abort?: boolean;
  /** Delete a waiting job instead of keeping it as cancelled. Default: false. */
  readonly delete?: boolean;
}

export type RetryJobOptions<Tx = object> = WithTx<Tx> &
  Schedule & {
    /** What it has, unless given. */
    readonly priority?: number;
    readonly queue?: string;
    /** Null for none. */
    readonly lock?: string | null;
    /** Null: wait without the queueing lock, if another job has taken it. */
    readonly queueingLock?: null;
  };

/** When the job may run. `{ scheduleIn: {} }` is at once. */
export type RescheduleJobOptions<Tx = object> = WithTx<Tx> & Schedule;

/** Of changes to many jobs. */
export interface BulkOptions {
  /** Jobs per statement, 1 to 10,000. Default: 500. Each is a commit of its own, without `tx`. */
  readonly batchSize?: number;
  /** Called after each statement with how many jobs it looked at so far. */
  readonly onProgress?: (done: number) => void;
}

export interface CancelledCounts {
  readonly cancelled: number;
  readonly deleted: number;
  readonly abortRequested: number;
}

export interface RetriedCounts {
  readonly retried: number;
  /** Left as they are, because another job waits under their queueing lock. */
  readonly alreadyEnqueued: number;
}

export interface WaitForJobOptions {
  /** Default: as long as it takes. */
  readonly timeout?: Duration;
  /** Ends the waiting, not the job. */
  readonly signal?: AbortSignal;
}

export interface ListStalledOptions {
  /** How long the worker gave no heartbeat. Default: 30 seconds. */
  readonly olderThan?: Duration;
  /** 1 to 1,000. Default: 100. */
  readonly limit?: number;
}

/**
 * Looks at jobs and changes them. Ids that no job has throw JobNotFoundError, states that do not allow the change
 * JobStatusError, wrong options InvalidOptionError before anything is written; all leave the caller's transaction usable.
 * What Postgres refuses throws DatabaseError.
 */
export interface JobManager<Tx> {
  /** The job of that id. */
  get(id: bigint, options?: WithTx<Tx>): Promise<StoredJob>;

  /** A page of the jobs that match; of all without a filter. */
  list(filter?: JobFilter, options?: ListJobsOptions<Tx>): Promise<JobPage>;

  /** How many jobs match, in all and in each state. */
  count(filter?: JobFilter, options?: WithTx<Tx>): Promise<StatusCounts>;

  /** The same for each queue, task or lock, by name. Jobs without a lock are not among those by lock. */
  countBy(group: JobGroup, filter?: JobFilter, options?: CountByOptions<Tx>): Promise<readonly GroupCounts[]>;

  /** What happened to a job, in order. Of runs that ended before the last one there is the end, not the start. */
  history(id: bigint, options?: WithTx<Tx>): Promise<readonly JobEvent[]>;

  /** Jobs that are said to run, but whose worker is unknown or gave no heartbeat for long. Workers rescue them by themselves. */
  listStalled(options?: ListStalledOptions): Promise<readonly StoredJob[]>;

  /**
   * Resolves with the job when it has finished, however it ended. Looks every 10 to 500 ms.
   *
   * @throws JobWaitTimeoutError; JobNotFoundError when it does not exist or is deleted meanwhile; the signal's reason.
   */
  wait(id: bigint, options?: WaitForJobOptions): Promise<StoredJob>;

  /**
   * Ends a job that waits. With `abort`, one that runs is asked to stop, also if it waits no longer by now: its worker
   * hears of it at once where it listens, and it ends as `aborted`, unless its handler returns all the same. `delete` does
   * not apply to that.
   *
   * @throws JobStatusError when it has finished, or runs and `abort` is not given.
   */
  cancel(id: bigint, options?: CancelJobOptions<Tx>): Promise<CancelOutcome>;

  /**
   * Lets a failed, aborted or cancelled job run again, at once or as scheduled. Its attempts stay; its result is cleared.
   *
   * @throws JobStatusError in any other state: a job that runs is never given to a second worker.
   * AlreadyEnqueuedError when another job waits under its queueing lock; the transaction stays usable.
   */
  retry(id: bigint, options?: RetryJobOptions<Tx>): Promise<void>;

  /** Changes when a waiting job may run. @throws JobStatusError when it does not wait. */
  reschedule(id: bigint, options: RescheduleJobOptions<Tx>): Promise<void>;

  /** Changes the priority of a waiting job. @throws JobStatusError when it does not wait. */
  setPriority(id: bigint, priority: number, options?: WithTx<Tx>): Promise<void>;

  /** Deletes a job with its history. @throws JobStatusError while it runs. */
  delete(id: bigint, options?: WithTx<Tx>): Promise<void>;

  /** Cancels all jobs that match and wait, in batches by id; with `abort` asks those that run to stop. */
  cancelMany(filter: JobFilter | "all", options?: CancelJobOptions<Tx> & BulkOptions): Promise<CancelledCounts>;

  /** Retries all failed, aborted and cancelled jobs that match, in batches by id. */
  retryMany(filter: JobFilter | "all", options?: RetryJobOptions<Tx> & BulkOptions): Promise<RetriedCounts>;

  /** Deletes all jobs that match and do not run, with their history, in batches by id. Gives how many. */
  deleteMany(filter: JobFilter | "all", options?: WithTx<Tx> & BulkOptions): Promise<number>;
}
