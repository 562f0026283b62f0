import { wakeJobs } from "../sql/wake-jobs.ts";
import type { QueueList } from "./queue-list.ts";
import { ScanBudget } from "./scan-budget.ts";
import { WakeTimer } from "./wake-timer.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** How many due jobs are made ready in one statement. */
const LIMIT = 1000;
/** So long it takes at most, and so much more for each of them: what is beyond is spent on what is no longer there. */
const WAKE_MS = 2;
const WAKE_MS_PER_JOB = 0.05;
/** A look that does not begin at all that was ever due begins so long before the last one: what was committed meanwhile. */
const OVERLAP_MS = 2_000;
/** How soon to try again to wake a due job that another transaction has locked. */
const BLOCKED_MS = 100;
/** And after a statement that failed. */
const FAILED_MS = 1_000;

/** Makes scheduled jobs ready when their time comes. */
export class JobWaker {
  readonly #runtime: WorkerRuntime;
  readonly #queues: QueueList;
  readonly #timer: WakeTimer;
  readonly #budget: ScanBudget;
  /** Nothing could be woken: what is due is locked by a transaction of somebody else. */
  #isBlocked = false;
  /** More was due than one statement makes ready. */
  #isBehind = false;
  #lookedAt = 0;

  constructor(runtime: WorkerRuntime, queues: QueueList, onDue: () => void) {
    this.#runtime = runtime;
    this.#queues = queues;
    this.#timer = new WakeTimer(runtime.clock, onDue);
    this.#budget = new ScanBudget(runtime.clock, runtime.options.wait);
  }

  get isDue(): boolean {
    return this.#timer.isDue;
  }

  /** A job is due in so many milliseconds. */
  dueIn(delayMs: number): void {
    this.#timer.dueIn(delayMs);
  }

  /** A fetch says when the next job is due. */
  fetched(nextWakeMs: number | undefined): void {
    this.#timer.dueIn(this.#isBlocked && nextWakeMs === 0 ? BLOCKED_MS : nextWakeMs);
  }

  async wakeJobs(): Promise<void> {
    const { clock, sql } = this.#runtime;
    this.#timer.clear();
    // Whole batches are work, wherever they are found.
    const isFromFront = this.#isBehind || this.#budget.isDue;
    const now = clock.now();
    const withinMs = isFromFront ? undefined : now - this.#lookedAt + OVERLAP_MS;
    const { woken, queues, nextWakeMs, tookMs } = await wakeJobs(sql, LIMIT, withinMs).catch((error: unknown) => {
      // What was due is still due, and nobody says so again.
      this.#timer.dueIn(FAILED_MS);
      throw error;
    });
    this.#lookedAt = now;
    this.#isBlocked = woken === 0;
    this.#isBehind = woken === LIMIT;
    if (isFromFront && !this.#isBehind) this.#budget.scanned(tookMs - WAKE_MS - WAKE_MS_PER_JOB * woken);
    for (const queue of queues) this.#queues.add(queue);
    this.#timer.dueIn(this.#isBehind ? 0 : nextWakeMs);
    // What this look did not see.
    if (!isFromFront) this.#timer.dueIn(this.#budget.restMs);
  }

  stop(): void {
    this.#timer.clear();
  }
}
