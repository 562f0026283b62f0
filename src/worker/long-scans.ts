import { SilenceError } from "./answer-limit.ts";
import type { ClaimReconciler } from "./claim-reconciler.ts";
import type { FetchedJobs } from "./job-claimer.ts";
import type { JobFetcher } from "./job-fetcher.ts";
import type { QueueList } from "./queue-list.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** The share of the free places that a look may fill. */
const SHARE = 0.5;
/** One that failed is followed by no other for so many times as long as it took, and no less than that. */
const FAILURE_REST = 2;
const SHORTEST_FAILURE_REST_MS = 2000;

export interface LongScansOptions {
  readonly runtime: WorkerRuntime;
  readonly fetcher: JobFetcher;
  readonly queues: QueueList;
  readonly reconciler: ClaimReconciler;
  /** A look has claimed these, by a statement that was sent at that time. */
  readonly onFetched: (fetched: FetchedJobs, sentAt: number) => void;
  /** A list that was asked for at that time says when the next job is due: so many milliseconds later. */
  readonly onListed: (nextWakeMs: number | undefined, sentAt: number) => void;
  /** There is something new to fetch, or to scan. */
  readonly onEnd: () => void;
}

/**
 * Looks that begin at the front of an index, and lists of queues, beside the fetches: where they are slow they take
 * seconds, in which the fetches go on. One at a time, so that a worker needs one connection more and not two.
 */
export class LongScans {
  readonly #options: LongScansOptions;
  #isUnderWay = false;
  #look: Promise<void> | undefined;
  #limit = 0;
  /** After a failure. */
  #restUntil = Number.NEGATIVE_INFINITY;
  #hasListed = false;
  #isStopped = false;

  constructor(options: LongScansOptions) {
    this.#options = options;
  }

  /** A look is under way, and may claim jobs. */
  get isLooking(): boolean {
    return this.#look !== undefined;
  }

  /**
   * How many of so many places are kept for the look that is under way. Never more than its share: when it began, there
   * may have been more.
   */
  reservedOf(places: number): number {
    return Math.min(this.#limit, Math.ceil(places * SHARE));
  }

  /** Milliseconds until the next one can begin; without an end while one is under way, which wakes the loop at its end. */
  get restMs(): number {
    return this.#isUnderWay
      ? Number.POSITIVE_INFINITY
      : Math.max(0, this.#restUntil - this.#options.runtime.clock.now());
  }

  /**
   * Begins the scan that is due, if there is one and none is under way.
   *
   * @param free For how many jobs there is room.
   * @returns How many of these it may claim.
   */
  begin(queues: readonly string[], free: number): number {
    if (this.#isStopped || free <= 0 || this.restMs > 0) return 0;
    const { fetcher, queues: list, reconciler } = this.#options;
    // What it claims is not known before its end, and a doubt would have to wait for it.
    const isLookDue = !reconciler.isDue && fetcher.isLongLookDue(queues);
    // By turns: one that is refused each time must not keep the other from being done.
    if (list.isLongListDue && !(isLookDue && this.#hasListed)) {
      this.#hasListed = true;
      void this.#run(() => this.#listQueues());
    } else if (isLookDue) {
      this.#hasListed = false;
      this.#limit = Math.ceil(free * SHARE);
      this.#look = this.#run(() => this.#lookInto(queues, this.#limit));
    }
    return this.#limit;
  }

  /** Begins no more, and waits for a look; a list says nothing any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#look;
  }

  async #lookInto(queues: readonly string[], limit: number): Promise<void> {
    const { runtime, fetcher, reconciler, onFetched } = this.#options;
    const sentAt = runtime.clock.now();
    try {
      onFetched(await fetcher.look(queues, limit), sentAt);
    } catch (error) {
      reconciler.failed(error);
      throw error;
    }
  }

  async #listQueues(): Promise<void> {
    const { runtime, queues, onListed } = this.#options;
    const sentAt = runtime.clock.now();
    const nextWakeMs = await queues.listBeside();
    if (this.#isStopped) return;
    runtime.health.ok();
    onListed(nextWakeMs, sentAt);
  }

  async #run(scan: () => Promise<void>): Promise<void> {
    const { clock, health } = this.#options.runtime;
    const startedAt = clock.now();
    this.#isUnderWay = true;
    try {
      await scan();
    } catch (error) {
      const tookMs = clock.now() - startedAt;
      // Given up because it takes so long, most likely; where the database is lost, all others say so.
      if (error instanceof SilenceError && !this.#isStopped) health.refused(error);
      else if (!this.#isStopped) health.failed(error);
      this.#restUntil = clock.now() + Math.max(FAILURE_REST * tookMs, SHORTEST_FAILURE_REST_MS);
    }
    this.#isUnderWay = false;
    this.#look = undefined;
    this.#limit = 0;
    this.#options.onEnd();
  }
}
