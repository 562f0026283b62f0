import type { Job } from "../job.ts";
import type { QueueFront } from "../sql/fetch-jobs.ts";

/** A fetch looks into each of them. */
const MAX_FRONTS = 64;

/**
 * So many ids before the first job of the last claims a fetch begins: it finds what was committed a moment after those
 * around it, or is retried at once.
 */
const OVERLAP = 2_000n;
/** And so many now and then, past 4 ms of what is gone there: what waited for its lock, or was due a moment later. */
const WIDE_OVERLAP = 20_000n;

/** Where the jobs that wait begin, in each queue and priority, as far as all claims tell. */
export class QueueFronts {
  readonly #fronts = new Map<string, Map<number, bigint>>();

  /** @param jobs The claimed jobs of one fetch, in their order. */
  claimed(jobs: readonly Job[]): void {
    const seen = new Set<string>();
    const locks = new Set<string>();
    for (const { queue, priority, id, lock } of jobs) {
      // A lock's head takes others along, from behind jobs that still wait.
      if (lock !== null && locks.size === locks.add(lock).size) continue;
      const key = `${priority} ${queue}`;
      if (seen.size < seen.add(key).size) this.#put(queue, priority, id);
    }
  }

  /**
   * Those of the queues; empty if there are none, or too many.
   *
   * @param isWide Whether they begin far before the last jobs. Default: false.
   */
  of(queues: readonly string[], isWide = false): readonly QueueFront[] {
    const overlap = isWide ? WIDE_OVERLAP : OVERLAP;
    const fronts = queues.flatMap((queue) =>
      [...(this.#fronts.get(queue) ?? [])].map(
        ([priority, id]): QueueFront => ({ queue, priority, id: max(id - overlap, 0n) }),
      ),
    );
    return fronts.length > MAX_FRONTS ? [] : fronts;
  }

  /** Whether jobs were found in any of the queues. */
  has(queues: readonly string[]): boolean {
    return queues.some((queue) => this.#fronts.has(queue));
  }

  clear(): void {
    this.#fronts.clear();
  }

  #put(queue: string, priority: number, id: bigint): void {
    const known = this.#fronts.get(queue);
    // Never back: one job that waited for long would make each fetch begin with what is gone since.
    if (known) known.set(priority, max(known.get(priority) ?? id, id));
    else this.#fronts.set(queue, new Map([[priority, id]]));
  }
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
