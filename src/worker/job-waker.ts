import { type DirectClaim, type WokenJobs, wakeJobs } from "../sql/wake-jobs.ts";
import type { QueueList } from "./queue-list.ts";
import { ScanBudget } from "./scan-budget.ts";
import { WakeTimer } from "./wake-timer.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** How many due jobs are made ready, or claimed, in one statement. */
const LIMIT = 1000;
/** So long it takes at most, and so much more for each of them: what is beyond is spent on what is no longer there. */
const WAKE_MS = 2;
const WAKE_MS_PER_JOB = 0.05;
/** A look that does not begin at all that was ever due begins so long before the end of the last: some commit late. */
const OVERLAP_MS = 2_000;
/** How soon to try again to wake a due job that another transaction has locked. */
const BLOCKED_MS = 100;
/** And after a statement that failed. */
const FAILED_MS = 1_000;

/** Makes scheduled jobs ready when their time comes, or claims them. */
export class JobWaker {
  readonly #runtime: WorkerRuntime;
  readonly #queues: QueueList;
  readonly #timer: WakeTimer;
  readonly #budget: ScanBudget;
  /** The last look found nothing: what is due is locked by a transaction of somebody else. */
  #isBlocked = false;
  /** More was due than one statement makes ready. */
  #isBehind = false;
  /** Up to when the last look saw what became due. */
  #seenMs = Number.NEGATIVE_INFINITY;

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

  /** It is due so many milliseconds after that time, as a statement that took long says. */
  dueAfter(delayMs: number | undefined, sentAt: number): void {
    if (delayMs !== undefined) this.#timer.dueIn(Math.max(0, delayMs + sentAt - this.#runtime.clock.now()));
  }

  /** A fetch says when the next job is due. */
  fetched(nextWakeMs: number | undefined): void {
    const isBlocked = this.#isBlocked && nextWakeMs === 0;
    // Locked, or committed so late that only a look at all sees it.
    this.#timer.dueIn(isBlocked ? Math.max(BLOCKED_MS, Math.min(this.#budget.restMs, FAILED_MS)) : nextWakeMs);
  }

  /** @param claim Which of them may be claimed; none if undefined. */
  async wakeJobs(claim?: DirectClaim): Promise<WokenJobs> {
    this.#timer.clear();
    // While there is more than one statement can do, the next one goes on where the last one ended.
    const isFromFront = !this.#isBehind && this.#budget.isDue;
    const sinceMs = isFromFront ? undefined : this.#seenMs - OVERLAP_MS;
    const { sql, identity, clock, events } = this.#runtime;
    const startedAt = clock.now();
    const look = await wakeJobs(sql, { limit: LIMIT, sinceMs, workerId: identity.id, claim }).catch(
      (error: unknown) => {
        // What was due is still due, and nobody says so again.
        this.#timer.dueIn(FAILED_MS);
        throw error;
      },
    );
    const { jobs, woken, queues, seenMs, nextWakeMs, tookMs } = look;
    const due = woken + jobs.length;
    this.#seenMs = seenMs;
    this.#isBlocked = due === 0;
    this.#isBehind = due === LIMIT;
    // A full batch is work, whatever it took.
    if (isFromFront && !this.#isBehind) this.#budget.scanned(tookMs - WAKE_MS - WAKE_MS_PER_JOB * due);
    for (const queue of queues) this.#queues.add(queue);
    this.#timer.dueIn(this.#isBehind ? 0 : nextWakeMs);
    // What this look did not see.
    if (!isFromFront) this.#timer.dueIn(this.#budget.restMs);
    if (jobs.length > 0 && events.has("jobs_fetched"))
      events.emit("jobs_fetched", { count: jobs.length, durationMs: clock.now() - startedAt });
    return look;
  }

  stop(): void {
    this.#timer.clear();
  }
}
