import { Loop, type Service } from "../service.ts";
import type { ClaimReconciler } from "./claim-reconciler.ts";
import { DueJobs } from "./due-jobs.ts";
import { FetchRest } from "./fetch-rest.ts";
import { type FetchedJobs, MAX_FETCH, NO_JOBS } from "./job-claimer.ts";
import type { JobDispatcher } from "./job-dispatcher.ts";
import type { JobFetcher } from "./job-fetcher.ts";
import { JobWaker } from "./job-waker.ts";
import { LongScans } from "./long-scans.ts";
import type { PausedQueues } from "./paused-queues.ts";
import type { PollingSchedule } from "./polling-schedule.ts";
import type { PrefetchGauge } from "./prefetch-gauge.ts";
import type { QueueList, QueueNames } from "./queue-list.ts";
import { ToldJobs } from "./told-jobs.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** What is known of the work that there may be. */
export interface WakeHint {
  readonly queue?: string | undefined;
  readonly delayMs?: number;
  readonly job?: bigint;
}

export interface FetchLoopParts {
  readonly runtime: WorkerRuntime;
  readonly dispatcher: JobDispatcher;
  readonly fetcher: JobFetcher;
  readonly gauge: PrefetchGauge;
  readonly queues: QueueList;
  readonly paused: PausedQueues;
  readonly polling: PollingSchedule;
  readonly reconciler: ClaimReconciler;
  /** No job can run now, none runs, and all outcomes are written. Called where the worker shall not wait. */
  readonly onEmpty: () => Promise<boolean>;
}

/** A fetch that was sent. */
interface Sent {
  readonly at: number;
  readonly queues: readonly string[];
  readonly limit: number;
  readonly answer: Promise<FetchedJobs>;
  /** Postgres was asked for jobs, or for queues that have some. */
  readonly wasAsked: boolean;
}

/**
 * Keeps the dispatcher in work. One fetch at a time, or two while full ones are worked off as fast as they come: Postgres
 * then claims the next jobs while the last ones are read and run.
 *
 * | found            | then                                                          |
 * |------------------|---------------------------------------------------------------|
 * | jobs             | fetch again when slots are free or the buffer runs low         |
 * | nothing, busy    | say that the worker is idle, and look again: both may cross    |
 * | nothing, idle    | sleep until a notification, the next scheduled job, or a poll  |
 */
export class FetchLoop implements Service {
  readonly #parts: FetchLoopParts;
  readonly #loop: Loop;
  readonly #waker: JobWaker;
  /** The fetch that is waited for. */
  #current: Sent | undefined;
  /** The second fetch. Whatever it finds, it says nothing about idleness: another one follows. */
  #ahead: Sent | undefined;
  /** The last fetch was full, and light. */
  #isStream = false;
  readonly #told: ToldJobs;
  readonly #rest: FetchRest;
  readonly #scans: LongScans;
  readonly #due: DueJobs;
  #isStopped = false;

  constructor(parts: FetchLoopParts) {
    this.#parts = parts;
    const { clock, health } = parts.runtime;
    const onError = (error: unknown): number => {
      parts.reconciler.failed(error);
      return health.failed(error, true);
    };
    this.#loop = new Loop({ clock, step: () => this.#step(), onError });
    this.#rest = new FetchRest(clock);
    this.#waker = new JobWaker(parts.runtime, parts.queues, () => this.#loop.wake());
    this.#due = new DueJobs(parts, this.#waker, this.#rest);
    this.#scans = new LongScans({
      ...parts,
      onFetched: (fetched, sentAt) => this.#looked(fetched, sentAt),
      onListed: (nextWakeMs, sentAt) => this.#waker.dueAfter(nextWakeMs, sentAt),
      onEnd: () => this.#loop.wake(),
    });
    this.#told = new ToldJobs(parts, this.#scans, () => parts.polling.foundWork());
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([this.#loop.stop(), this.#scans.stop()]);
    await this.#settle().catch((error: unknown) => this.#parts.reconciler.failed(error));
    this.#waker.stop();
  }

  /** There may be work, in one queue or in any, now or in a while. */
  wake(hint: WakeHint = {}): void {
    // Its handlers may go on for a while, and a timer would keep the process from ending.
    if (this.#isStopped) return;
    if (hint.delayMs !== undefined && hint.delayMs > 0) {
      this.#waker.dueIn(hint.delayMs);
      return;
    }
    if (hint.queue !== undefined && this.#parts.paused.has(hint.queue)) return;
    if (hint.queue === undefined) this.#parts.queues.expire();
    else this.#parts.queues.add(hint.queue);
    this.#told.add(hint.queue, hint.job);
    this.#parts.polling.reset();
    this.#rest.news();
    this.#loop.wake();
  }

  /**
   * Capacity became free: no reason to think of other queues or of idleness.
   *
   * @param hasReleased Some locks are free again, too. Default: false.
   */
  refill(hasReleased = false): void {
    if (hasReleased) this.#rest.news();
    this.#lookAhead();
    if (this.#limit() > 0) this.#loop.wake();
  }

  #lookAhead(): void {
    const current = this.#current;
    if (!current || !this.#isStream || this.#ahead || this.#room < current.limit + MAX_FETCH) return;
    this.#ahead = this.#send({ names: current.queues }, MAX_FETCH);
  }

  /** How many jobs to fetch now; 0 while there are enough. Refilled by halves, so that fetches stay large. */
  #limit(): number {
    const { dispatcher, gauge } = this.#parts;
    const isEnough = dispatcher.buffered > Math.max(gauge.depth / 2, dispatcher.free);
    return isEnough ? 0 : Math.min(Math.max(this.#room, 0), MAX_FETCH);
  }

  get #room(): number {
    const { runtime, dispatcher, gauge } = this.#parts;
    const reserved = this.#scans.reservedOf(runtime.options.concurrency + gauge.depth);
    return dispatcher.free + gauge.depth - dispatcher.buffered - reserved;
  }

  async #step(): Promise<number> {
    const { queues } = this.#parts;
    await this.#reconcile();
    if (await this.#told.claim()) return 0;
    if (this.#waker.isDue) await this.#due.claim(this.#room - (this.#ahead?.limit ?? 0));
    const ahead = this.#ahead;
    if (this.#rest.ms > 0 && !ahead) return this.#rest.ms;
    const limit = this.#limit();
    if (limit === 0 && !ahead) return this.#whileFull();
    this.#rest.fetching();
    const listed = await queues.current();
    // Told of meanwhile: a fetch would take four times as long.
    if (!ahead && (await this.#told.claim())) return 0;
    const looking = this.#scans.begin(listed.names, limit - (ahead?.limit ?? 0));
    if (looking === limit && !ahead) return this.#whileFull();
    this.#ahead = undefined;
    this.#told.fetching();
    const sent = ahead ?? this.#send(listed, limit - looking);
    this.#current = sent;
    this.#lookAhead();
    const fetched = await sent.answer.finally(() => {
      this.#current = undefined;
    });
    // Nothing is known to be all there is only if no other fetch was under way.
    const sleepMs = await this.#received(fetched, sent, !ahead && !this.#ahead);
    // The fetch that came first need not have seen it.
    return this.#told.isEmpty ? sleepMs : 0;
  }

  async #reconcile(): Promise<void> {
    // What a look claims is not known before its end, and that may take long.
    if (!this.#parts.reconciler.isDue || this.#scans.isLooking) return;
    await this.#settle();
    await this.#parts.reconciler.reconcile();
  }

  async #received(fetched: FetchedJobs, { at, queues: from, limit, wasAsked }: Sent, isLast: boolean): Promise<number> {
    const { runtime, dispatcher, queues } = this.#parts;
    if (wasAsked) runtime.health.ok();
    const { jobs, more, nextWakeMs, lookAgainMs, endedAt } = fetched;
    // Two claims with locks would compete for them.
    this.#isStream = jobs.length === MAX_FETCH && this.#parts.fetcher.isLight;
    this.#waker.fetched(nextWakeMs);
    this.#due.fetched(fetched.passed, from, endedAt);
    const others = isLast && jobs.length < limit && !more && queues.ranDry(jobs.length);
    if (jobs.length === 0 && !more) {
      if (others || !isLast) return 0;
      // Of what was deferred before it said that it is idle, nobody told it.
      if (this.#parts.polling.isTold && lookAgainMs !== 0) this.#rest.ranDry();
      const sleepMs = await this.#sleepOrWait();
      return lookAgainMs === undefined ? sleepMs : Math.min(Math.max(lookAgainMs, this.#scans.restMs), sleepMs);
    }
    this.#parts.polling.foundWork();
    if (fetched.isLockBound) this.#rest.tookLanes();
    dispatcher.add(jobs, at);
    return 0;
  }

  #send({ names: queues, isListed = queues.length > 0, nextWakeMs }: QueueNames, limit: number): Sent {
    const { runtime, fetcher } = this.#parts;
    const at = runtime.clock.now();
    const answer = queues.length > 0 ? fetcher.fetch(queues, limit) : Promise.resolve({ ...NO_JOBS, nextWakeMs });
    // Where two are under way, the second one may fail before it is waited for.
    answer.catch(() => undefined);
    return { at, queues, limit, answer, wasAsked: isListed };
  }

  #looked({ jobs, nextWakeMs }: FetchedJobs, sentAt: number): void {
    this.#waker.dueAfter(nextWakeMs, sentAt);
    if (jobs.length > 0) this.#parts.polling.foundWork();
    this.#rest.news();
    this.#parts.dispatcher.add(jobs, sentAt);
  }

  /** No fetch is under way. */
  async #settle(): Promise<void> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (ahead) this.#parts.dispatcher.add((await ahead.answer).jobs, ahead.at);
  }

  /** All slots are taken, or kept for a look that is under way, whose end wakes the loop. */
  #whileFull(): number {
    const isKept = this.#scans.isLooking && this.#parts.dispatcher.free > 0;
    return isKept ? Number.POSITIVE_INFINITY : this.#parts.polling.whileBusy();
  }

  /** With all slots taken it was a look ahead: the worker is not idle, and the next free slot looks again. */
  async #sleepOrWait(): Promise<number> {
    return this.#parts.dispatcher.free === 0 ? this.#parts.polling.whileBusy() : this.#sleepIdle();
  }

  /** Nothing was found. What still runs may defer jobs, or free a lock: until then it is the same wait as any other. */
  async #sleepIdle(): Promise<number> {
    const { runtime, dispatcher, onEmpty, polling } = this.#parts;
    polling.ranDry();
    if (runtime.options.wait || !dispatcher.isIdle) return polling.whileIdle();
    return (await onEmpty()) ? Number.POSITIVE_INFINITY : 0;
  }
}
