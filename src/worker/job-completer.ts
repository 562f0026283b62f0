import type { Job } from "../job.ts";
import { promoteLocks } from "../sql/promote-locks.ts";
import { type CompletionBatch, emptyBatch, writeBatch } from "./completion-batch.ts";
import { errorDetail } from "./error-detail.ts";
import type { Outcome } from "./run-outcome.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

export interface CompleterCallbacks {
  /** The next jobs of some locks may run. */
  onPromoted(): void;
  /** Jobs wait for another run, the first of them for so long. */
  onRetried(delayMs: number): void;
  /** A batch is written. */
  onWritten(): void;
}

/**
 * Writes what became of jobs, many in one statement: at once when nothing is being written, otherwise together with
 * all that comes in until then. No timer, so that nothing waits on an idle worker, and the batches grow with the load.
 *
 * Tries on until the database takes it: a job that ended stays `doing`, and is this worker's, until that is written.
 */
export class JobCompleter {
  readonly #runtime: WorkerRuntime;
  readonly #callbacks: CompleterCallbacks;
  #pending: CompletionBatch = emptyBatch();
  #flushing: Promise<void> | undefined;
  readonly #promoting = new Set<Promise<void>>();
  /** Jobs whose outcome is not written yet. */
  readonly #unwritten = new Set<bigint>();

  constructor(runtime: WorkerRuntime, callbacks: CompleterCallbacks) {
    this.#runtime = runtime;
    this.#callbacks = callbacks;
  }

  /** Too much waits to be written: no further jobs should be started. */
  get isOverloaded(): boolean {
    return this.#pending.size > 4 * Math.max(this.#runtime.options.maxPrefetch, this.#runtime.options.concurrency);
  }

  /**
   * Takes the outcome of a run.
   *
   * @param releasesLock Nothing of the job's lane follows, so that the lock's next job may run.
   */
  add(job: Job, outcome: Outcome, releasesLock: boolean): void {
    const pending = this.#pending;
    this.#unwritten.add(job.id);
    pending.jobs.push(job);
    switch (outcome.kind) {
      case "succeeded":
        pending.succeeded.push(job);
        break;
      case "failed":
      case "aborted":
        pending.ended.push({
          id: job.id,
          lease: job.lease,
          job,
          status: outcome.kind,
          detail: this.#detail(job, outcome.error),
        });
        break;
      case "retry": {
        const detail = this.#detail(job, outcome.error);
        pending.retried.push({ id: job.id, lease: job.lease, job, ...outcome.retry, detail });
        if (typeof outcome.retry.lock === "string") pending.locks.add(outcome.retry.lock);
        break;
      }
      case "interrupted":
        pending.released.push(job);
        break;
      case "completed":
      case "undecided":
      case "lost":
        break;
      default:
        outcome satisfies never;
    }
    pending.size++;
    if (job.lock !== null && releasesLock) pending.locks.add(job.lock);
    this.#flush();
  }

  /** Gives jobs back that were claimed and not run. `keeper` runs on under their lock. */
  release(jobs: readonly Job[], keeper?: bigint): void {
    if (jobs.length === 0) return;
    for (const job of jobs) this.#unwritten.add(job.id);
    this.#pending.jobs.push(...jobs);
    this.#pending.released.push(...jobs);
    this.#pending.size += jobs.length;
    if (keeper !== undefined) this.#pending.lockKeepers.push(keeper);
    else for (const job of jobs) if (job.lock !== null) this.#pending.locks.add(job.lock);
    this.#flush();
  }

  /** Whether the outcome of the job is still to be written. */
  holds(id: bigint): boolean {
    return this.#unwritten.has(id);
  }

  /** Resolves when all that was added is written. */
  async drain(): Promise<void> {
    while (this.#flushing || this.#promoting.size > 0) {
      await this.#flushing;
      await Promise.all(this.#promoting);
    }
  }

  /** Lets the next jobs of these locks run, beside whatever is being written. */
  promote(locks: readonly string[]): void {
    if (locks.length === 0) return;
    const { health, sql } = this.#runtime;
    const promoting = health
      .insist(() => promoteLocks(sql, locks))
      .then((promoted) => {
        if (promoted > 0) this.#callbacks.onPromoted();
      })
      // The sweep finds these locks.
      .catch(() => undefined)
      .finally(() => this.#promoting.delete(promoting));
    this.#promoting.add(promoting);
  }

  #detail(job: Job, error: unknown): ReturnType<typeof errorDetail> {
    return errorDetail(error, { attempt: job.attempts + 1, workerId: this.#runtime.identity.id });
  }

  #flush(): void {
    this.#flushing ??= this.#writeAll().finally(() => {
      this.#flushing = undefined;
      // Something was added between the last look and here.
      if (this.#pending.size > 0) this.#flush();
    });
  }

  async #writeAll(): Promise<void> {
    // Later, so that all jobs that end in this moment come along.
    await Promise.resolve();
    while (this.#pending.size > 0) {
      const batch = this.#pending;
      this.#pending = emptyBatch();
      try {
        const lost = await writeBatch(batch, this.#runtime);
        for (const job of lost) this.#runtime.events.emit("lease_lost", { job });
        this.promote([...batch.locks]);
        // No notification tells this worker of its own retries while it does not say that it is idle.
        if (batch.retried.length > 0)
          this.#callbacks.onRetried(Math.min(...batch.retried.map(({ delayMs }) => delayMs)));
      } catch (error) {
        this.#runtime.logger.error(
          { action: "completion_lost", error, jobs: batch.size },
          "What became of some jobs could not be written: they are left to the rescue",
        );
      }
      for (const job of batch.jobs) this.#unwritten.delete(job.id);
      this.#callbacks.onWritten();
    }
  }
}
