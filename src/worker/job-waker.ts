import { wakeJobs } from "../sql/wake-jobs.ts";
import type { QueueList } from "./queue-list.ts";
import { ScanBudget } from "./scan-budget.ts";
import { WakeTimer } from "./wake-timer.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** How many due jobs are made ready in one statement. */
const LIMIT = 1000;
/** So long it takes at most, and so much more for each of them: what is beyond is spent on what is no longer there. */
const WAKE_MS = 2;
const WAKE_MS_PER_JOB = 0.01;
/** What does not look at all that was ever due looks at what became due in this time: in more of it while it is behind. */
const RECENT_MS = 2_000;
const LATE_MS = 10_000;
/** How soon to try again to wake a due job that another transaction has locked. */
const BLOCKED_MS = 100;

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
    this.#timer.clear();
    const isFromFront = this.#budget.isDue;
    const withinMs = this.#isBehind ? LATE_MS : RECENT_MS;
    const { woken, queues, nextWakeMs, tookMs } = await wakeJobs(
      this.#runtime.sql,
      LIMIT,
      isFromFront ? undefined : withinMs,
    );
    if (isFromFront) this.#budget.scanned(tookMs - WAKE_MS - WAKE_MS_PER_JOB * woken);
    this.#isBlocked = woken === 0;
    this.#isBehind = woken === LIMIT;
    for (const queue of queues) this.#queues.add(queue);
    this.#timer.dueIn(this.#isBehind ? 0 : nextWakeMs);
  }

  stop(): void {
    this.#timer.clear();
  }
}
