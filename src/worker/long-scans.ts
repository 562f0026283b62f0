import { DatabaseError } from "../database-error.ts";
import { MAX_BACKOFF_MS } from "./database-health.ts";
import type { FetchedJobs, JobFetcher } from "./job-fetcher.ts";
import type { QueueList } from "./queue-list.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** The share of the free places that a look may fill. */
const SHARE = 0.5;

export interface LongScansOptions {
  readonly runtime: WorkerRuntime;
  readonly fetcher: JobFetcher;
  readonly queues: QueueList;
  /** A look has claimed these, by a statement that was sent at that time. */
  readonly onFetched: (fetched: FetchedJobs, sentAt: number) => void;
  readonly onError: (error: unknown) => void;
  /** There is something new to fetch, or to scan. */
  readonly onEnd: () => void;
}

/**
 * Looks that begin at the front of an index, and lists of queues, beside the fetches: where they are slow they take
 * seconds, in which the fetches go on. One at a time, so that a worker needs one connection more and not two.
 */
export class LongScans {
  readonly #options: LongScansOptions;
  #underWay: Promise<void> | undefined;
  #limit = 0;
  /** After a failure. */
  #restUntil = Number.NEGATIVE_INFINITY;

  constructor(options: LongScansOptions) {
    this.#options = options;
  }

  /** How many jobs the look that is under way may claim. */
  get limit(): number {
    return this.#limit;
  }

  /** Milliseconds until the next one can begin; without an end while one is under way, which wakes the loop at its end. */
  get restMs(): number {
    return this.#underWay !== undefined
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
    const { fetcher, queues: list } = this.#options;
    if (free === 0 || this.restMs > 0) return 0;
    if (list.isLongListDue) this.#underWay = this.#run(() => list.listBeside());
    else if (fetcher.isLongLookDue(queues)) {
      this.#limit = Math.ceil(free * SHARE);
      this.#underWay = this.#run(() => this.#look(queues, this.#limit));
    }
    return this.#limit;
  }

  /** Resolves when none is under way. */
  async settle(): Promise<void> {
    await this.#underWay;
  }

  async #look(queues: readonly string[], limit: number): Promise<void> {
    const sentAt = this.#options.runtime.clock.now();
    const fetched = await this.#options.fetcher.look(queues, limit);
    this.#options.onFetched(fetched, sentAt);
  }

  async #run(scan: () => Promise<void>): Promise<void> {
    const { runtime, onError, onEnd } = this.#options;
    try {
      await scan();
    } catch (error) {
      const { clock, health } = runtime;
      // Given up because it takes so long, most likely; where the database is lost, all others say so.
      const isSilence = error instanceof DatabaseError && error.isConnectionLoss;
      this.#restUntil = clock.now() + (isSilence ? MAX_BACKOFF_MS : health.failed(error));
      onError(error);
    }
    this.#underWay = undefined;
    this.#limit = 0;
    onEnd();
  }
}
