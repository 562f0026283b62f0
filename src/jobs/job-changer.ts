import { AlreadyEnqueuedError, InvalidOptionError } from "../errors.ts";
import type { JobStatus } from "../job.ts";
import { checkBoolean, checkKnownOptions, checkLockKey, checkName, checkPriority } from "../option-checks.ts";
import { scheduleOf } from "../schedule.ts";
import { type CancelOutcome, cancelJobs } from "../sql/cancel-jobs.ts";
import { changeJob, type JobChange } from "../sql/change-job.ts";
import type { ChangedBatch } from "../sql/changed-batch.ts";
import { findJob } from "../sql/find-job.ts";
import { FIRST_ID, type JobBatch } from "../sql/job-filter.ts";
import { removeJobs } from "../sql/remove-jobs.ts";
import { type RetryChange, retryEndedJobs, retryKeyedJobs } from "../sql/retry-ended-jobs.ts";
import type { JobDatabase } from "./job-database.ts";
import { JobNotFoundError, JobStatusError } from "./job-errors.ts";
import { checkId } from "./job-filter.ts";
import type { CancelJobOptions, JobManager, RescheduleJobOptions, RetryJobOptions, WithTx } from "./job-manager.ts";

export const RETRY_OPTION_NAMES = ["tx", "scheduleAt", "scheduleIn", "priority", "queue", "lock", "queueingLock"];
const TAKEN = "Wait until that one has started, or retry with queueingLock: null.";

type Changing<Tx> = Pick<JobManager<Tx>, "cancel" | "retry" | "reschedule" | "setPriority" | "delete">;

/** The half of the job manager that changes one job. */
export class JobChanger<Tx> implements Changing<Tx> {
  readonly #database: JobDatabase<Tx>;

  constructor(database: JobDatabase<Tx>) {
    this.#database = database;
  }

  async cancel(id: bigint, options: CancelJobOptions<Tx> = {}): Promise<CancelOutcome> {
    checkKnownOptions("cancel", options, ["tx", "abort", "delete"]);
    const batch = batchOf(id);
    const { abort, deleteJobs } = cancelFlags(options);
    const changed = await this.#database.change(options.tx, ({ sql, inTransaction }) =>
      cancelJobs(sql, batch, { abort, deleteJobs, inTransaction }),
    );
    const { found, outcome } = only(id, changed);
    if (outcome !== null) return outcome;
    const fix = found === "doing" ? "pass { abort: true } to ask it to stop." : "it has finished already.";
    throw new JobStatusError(id, found, fix);
  }

  async retry(id: bigint, options: RetryJobOptions<Tx> = {}): Promise<void> {
    checkKnownOptions("retry", options, RETRY_OPTION_NAMES);
    const batch = batchOf(id);
    const change = toRetryChange(options);
    const { tx } = options;
    const plain = await this.#database.change(tx, ({ sql }) => retryEndedJobs(sql, batch, change));
    const isKeyed = only(id, plain).outcome === "keyed";
    const changed = isKeyed ? await this.#database.together(tx, (sql) => retryKeyedJobs(sql, batch, change)) : plain;
    const { found, outcome } = only(id, changed);
    if (outcome === "retried") return;
    if (outcome === null) throw new JobStatusError(id, found, whyNotRetried(found));
    const job = await findJob(this.#database.reading(tx), id);
    throw new AlreadyEnqueuedError(job?.queueingLock ?? "", TAKEN);
  }

  async reschedule(id: bigint, options: RescheduleJobOptions<Tx>): Promise<void> {
    checkKnownOptions("reschedule", options, ["tx", "scheduleAt", "scheduleIn"]);
    if (options.scheduleAt === undefined && options.scheduleIn === undefined) {
      const fix = "has neither scheduleAt nor scheduleIn. For at once, pass { scheduleIn: {} }.";
      throw new InvalidOptionError("reschedule", options, fix);
    }
    return this.#change(id, { schedule: scheduleOf(options) }, options.tx);
  }

  async setPriority(id: bigint, priority: number, options: WithTx<Tx> = {}): Promise<void> {
    checkKnownOptions("setPriority", options, ["tx"]);
    return this.#change(id, { priority: checkPriority("priority", priority) }, options.tx);
  }

  async delete(id: bigint, options: WithTx<Tx> = {}): Promise<void> {
    checkKnownOptions("delete", options, ["tx"]);
    const batch = batchOf(id);
    const changed = await this.#database.change(options.tx, ({ sql, inTransaction }) =>
      removeJobs(sql, batch, { inTransaction }),
    );
    const { found, outcome } = only(id, changed);
    if (outcome === null) {
      throw new JobStatusError(id, found, "cancel it with { abort: true }, and delete it when it has ended.");
    }
  }

  async #change(id: bigint, change: JobChange, tx: Tx | undefined): Promise<void> {
    checkId("id", id);
    const { found } = await this.#database.change(tx, async ({ sql, inTransaction }) => {
      const found = await changeJob(sql, id, change, { inTransaction });
      const lock = found?.lock ?? null;
      return { found, locks: lock === null ? [] : [lock] };
    });
    if (found === undefined) throw new JobNotFoundError(id);
    if (found.status !== "todo") throw new JobStatusError(id, found.status, "only a job that waits can be changed.");
  }
}

/** @throws InvalidOptionError */
export function cancelFlags(options: Pick<CancelJobOptions, "abort" | "delete">): {
  readonly abort: boolean;
  readonly deleteJobs: boolean;
} {
  const { abort = false, delete: deleteJobs = false } = options;
  return { abort: checkBoolean("abort", abort), deleteJobs: checkBoolean("delete", deleteJobs) };
}

/** @throws InvalidOptionError */
export function toRetryChange(options: RetryJobOptions<unknown>): RetryChange {
  const { priority, queue, lock, queueingLock } = options;
  if (queueingLock !== undefined && queueingLock !== null) {
    throw new InvalidOptionError("queueingLock", queueingLock, "can only be null, to wait without one.");
  }
  return {
    ...scheduleOf(options),
    priority: priority === undefined ? undefined : checkPriority("priority", priority),
    queue: queue === undefined ? undefined : checkName("queue", queue),
    lock: lock === undefined || lock === null ? lock : checkLockKey("lock", lock),
    dropsQueueingLock: queueingLock === null,
  };
}

function batchOf(id: bigint): JobBatch {
  return { wanted: { ids: [String(checkId("id", id))] }, after: FIRST_ID, limit: 1 };
}

function only<Outcome>(
  id: bigint,
  { jobs }: ChangedBatch<Outcome>,
): { readonly found: JobStatus; readonly outcome: Outcome | null } {
  const [job] = jobs;
  if (job === undefined) throw new JobNotFoundError(id);
  const [, found, outcome] = job;
  return { found, outcome };
}

function whyNotRetried(status: JobStatus): string {
  switch (status) {
    case "todo":
      return "it waits already; reschedule it to run it sooner.";
    case "doing":
      return "only a job that has ended runs again. Cancel it with { abort: true } first; if its worker died, others take it back by themselves.";
    default:
      return "defer a new one to do it again.";
  }
}
