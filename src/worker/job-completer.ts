import { sleep, systemClock } from "../clock.ts";
import type { Job } from "../job.ts";
import { findUnlockedJobs } from "../sql/find-unlocked-jobs.ts";
import type { ClaimedJob, Lease } from "../sql/job-row.ts";
import { promoteLocks } from "../sql/promote-locks.ts";
import { CompletionBatch } from "./completion-batch.ts";
import { errorDetail } from "./error-detail.ts";
import type { Outcome } from "./run-outcome.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";
import { writeBatch } from "./write-batch.ts";
import { WritePace } from "./write-pace.ts";

export interface CompleterCallbacks {
  /** The next jobs of some locks may run. */
  onPromoted(): void;
  /** Jobs wait for another run, the first of them for so long. */
  onRetried(delayMs: number): void;
  /** Some jobs no longer belonged to this worker. One that it has claimed anew meanwhile was left to this outcome. */
  onLost(): void;
  /** A batch is written, which released locks or did not. */
  onWritten(hasReleased: boolean): void;
}

/** Two full fetches: a fifth fewer commits than with one. Larger ones take no less time per job, and the slots wait for room. */
const MAX_BATCH = 2000;
/** In characters: one statement has a limit. */
const MAX_RESULT_LENGTH = 8 * 1024 * 1024;
/** How many full batches may wait before no further jobs are started. */
const MAX_WAITING_BATCHES = 3;
/** So many are worth a write of their own. */
const WORTH_A_WRITE = 100;
/** How soon to look again at rows that another transaction keeps locked. */
const HELD_MS = 250;

/**
 * Writes what became of jobs, many in one statement: at once where the last write is some milliseconds ago, otherwise
 * together with all that comes in until then. So nothing waits on an idle worker, nor whom others wait for: a lock, a
 * retry, what is given back. The batches grow with the load.
 *
 * Tries on until the database takes it: a job that ended stays `doing`, and is this worker's, until that is written.
 */
export class JobCompleter {
  readonly #runtime: WorkerRuntime;
  readonly #callbacks: CompleterCallbacks;
  /** In the order in which they are written; new outcomes go into the last one. */
  readonly #pending: CompletionBatch[] = [new CompletionBatch()];
  #flushing: Promise<void> | undefined;
  /** Rows that another transaction keeps locked. */
  readonly #held = new CompletionBatch();
  #waitingForHeld: Promise<void> | undefined;
  /** Locks whose next job another transaction keeps locked; one promotion at a time waits for them. */
  readonly #heldLocks = new Set<string>();
  readonly #promoting = new Set<Promise<void>>();
  /** Whose outcomes are being written. */
  #writing: readonly Lease[] = [];
  #hasGivenUp = false;
  readonly #pace = new WritePace(systemClock);
  #isDraining = false;

  constructor(runtime: WorkerRuntime, callbacks: CompleterCallbacks) {
    this.#runtime = runtime;
    this.#callbacks = callbacks;
  }

  /** Too much waits to be written: no further jobs should be started. */
  get isOverloaded(): boolean {
    return this.#pending.length > MAX_WAITING_BATCHES;
  }

  /** Whether the outcomes of some jobs were never written, so that these are left to the rescue. */
  get hasGivenUp(): boolean {
    return this.#hasGivenUp;
  }

  /**
   * Takes the outcome of a run.
   *
   * @param releasesLock Nothing of the job's lane follows, so that the lock's next job may run.
   * @param cut Those that followed it and are given back: in the same batch, which writes them after it.
   */
  add(job: Job, outcome: Outcome, releasesLock: boolean, cut: readonly ClaimedJob[] = []): void {
    const pending = this.#room();
    pending.released.push(...cut);
    const { id, lease } = job;
    switch (outcome.kind) {
      case "succeeded":
        if (outcome.result && "json" in outcome.result && this.#runtime.options.deleteJobs === "never")
          pending.addResult(job, outcome.result.json);
        else pending.succeeded.push(job);
        break;
      case "failed":
      case "aborted":
        pending.ended.push({ id, lease, job, status: outcome.kind, detail: this.#detail(job, outcome.error) });
        break;
      case "retry":
        pending.retried.push({ id, lease, job, ...outcome.retry, detail: this.#detail(job, outcome.error) });
        break;
      case "interrupted":
        pending.released.push(job);
        break;
      case "completed":
      case "lost":
        break;
      default:
        outcome satisfies never;
    }
    if (job.lock !== null && releasesLock) pending.locks.add(job.lock);
    this.#flush();
  }

  /** Gives jobs back that were claimed and not run. `keeper` runs on under their lock. */
  release(jobs: readonly ClaimedJob[], keeper?: ClaimedJob): void {
    if (jobs.length === 0) return;
    const pending = this.#room();
    pending.released.push(...jobs);
    if (keeper) pending.lockKeepers.push(keeper);
    else for (const job of jobs) if (job.lock !== null) pending.locks.add(job.lock);
    this.#flush();
  }

  /** The jobs whose outcomes are still to be written. */
  get unwritten(): readonly Lease[] {
    return [this.#writing, this.#held.jobs, ...this.#pending.map((batch) => batch.jobs)].flat();
  }

  /** Resolves when all that was added is written. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#pace.hurry();
    while (this.#flushing || this.#waitingForHeld || this.#promoting.size > 0) {
      await Promise.all([this.#flushing, this.#waitingForHeld, ...this.#promoting]);
    }
    this.#isDraining = false;
  }

  /** Lets the next jobs of these locks run, beside whatever is being written. */
  promote(locks: readonly string[]): void {
    if (locks.length === 0) return;
    // The sweep finds the locks of one that is given up.
    const promoting = this.#promote(locks)
      .catch(() => undefined)
      .finally(() => this.#promoting.delete(promoting));
    this.#promoting.add(promoting);
  }

  async #promote(locks: readonly string[]): Promise<void> {
    const { health, sql, clock } = this.#runtime;
    // A loop: a transaction that somebody forgot keeps a row locked for hours.
    for (let some = locks; ; ) {
      const { promoted, held } = await health.insist(() => promoteLocks(sql, some));
      if (promoted > 0) this.#callbacks.onPromoted();
      const isWaiting = this.#heldLocks.size > 0;
      for (const lock of held) this.#heldLocks.add(lock);
      if (isWaiting || held.length === 0 || health.isGivenUp) return;
      await sleep(clock, HELD_MS);
      some = [...this.#heldLocks];
      this.#heldLocks.clear();
    }
  }

  #detail(job: Job, error: unknown): ReturnType<typeof errorDetail> {
    return errorDetail(error, { attempt: job.attempts + 1, workerId: this.#runtime.identity.id });
  }

  /** The batch that is filled now. */
  #room(): CompletionBatch {
    const last = this.#pending.at(-1);
    if (last && last.size < MAX_BATCH && last.resultLength < MAX_RESULT_LENGTH) return last;
    const next = new CompletionBatch();
    this.#pending.push(next);
    return next;
  }

  #flush(): void {
    this.#flushing ??= this.#writeAll().finally(() => {
      this.#flushing = undefined;
      // Something was added between the last look and here.
      if (!this.#isWritten) this.#flush();
    });
    if (this.#isUrgent) this.#pace.hurry();
  }

  /** Somebody waits for what is to be written, or it is a lot. */
  get #isUrgent(): boolean {
    if (this.#isDraining || this.#pending.length > 1) return true;
    const [next] = this.#pending;
    if (!next || next.size >= WORTH_A_WRITE) return true;
    return next.locks.size + next.retried.length + next.released.length > 0;
  }

  get #isWritten(): boolean {
    return this.#pending.every((batch) => batch.isEmpty);
  }

  async #writeAll(): Promise<void> {
    while (!this.#isWritten) {
      await this.#pace.turn(this.#isUrgent);
      const batch = this.#pending.shift() ?? new CompletionBatch();
      this.#writing = batch.jobs;
      const { lost, held, errors } = await writeBatch(batch, this.#runtime);
      for (const job of lost) this.#runtime.events.emit("lease_lost", { job });
      if (lost.length > 0) this.#callbacks.onLost();
      for (const error of errors) this.#giveUp(error);
      this.#hold(held);
      this.#writing = [];
      this.promote([...batch.locks]);
      // No notification tells this worker of its own retries while it does not say that it is idle.
      if (batch.retried.length > 0) this.#callbacks.onRetried(Math.min(...batch.retried.map(({ delayMs }) => delayMs)));
      this.#callbacks.onWritten(batch.locks.size > 0);
    }
  }

  #giveUp(error: unknown): void {
    this.#hasGivenUp = true;
    const fields = { action: "completion_lost", error };
    this.#runtime.logger.error(fields, "What became of some jobs could not be written: they are left to the rescue");
  }

  #hold(held: CompletionBatch): void {
    this.#held.merge(held);
    if (this.#held.size === 0) return;
    if (this.#runtime.health.isGivenUp) {
      this.#giveUp(new Error(`Other transactions keep ${this.#held.size} jobs locked`));
      return;
    }
    this.#waitingForHeld ??= this.#untilUnlocked().finally(() => {
      this.#waitingForHeld = undefined;
      if (!this.#runtime.health.isGivenUp) this.#hold(new CompletionBatch());
    });
  }

  /** Writes what is held as its rows become free. Nothing else waits for them. */
  async #untilUnlocked(): Promise<void> {
    const { health, sql, clock } = this.#runtime;
    while (this.#held.size > 0) {
      await sleep(clock, HELD_MS);
      const ids = [...this.#held.jobs, ...this.#held.lockKeepers].map(({ id }) => id);
      const free = await health.insist(() => findUnlockedJobs(sql, ids)).catch(() => new Set<bigint>());
      const unlocked = this.#held.takeUnlocked(free);
      if (!unlocked.isEmpty) {
        this.#pending.push(unlocked);
        this.#flush();
      } else if (health.isGivenUp) {
        return this.#giveUp(new Error(`Other transactions keep ${this.#held.size} jobs locked`));
      }
    }
  }
}
