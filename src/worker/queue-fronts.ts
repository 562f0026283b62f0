import type { Job } from "../job.ts";
import type { QueueFront } from "../sql/fetch-jobs.ts";
import { lanesOf } from "./passed-place.ts";

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
  /** Where the last look ended that had no room for all that it found far before where fetches begin. */
  #left: QueueFront | undefined;

  /** @param jobs The claimed jobs of one fetch, in their order. */
  claimed(jobs: readonly Job[]): void {
    const seen = new Set<string>();
    // A lock's head takes others along, from behind jobs that still wait.
    for (const { queue, priority, id } of lanesOf(jobs)) {
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

  /**
   * Notes where a look everywhere in these queues ended.
   *
   * @param last The job after which it left others; undefined if it left none.
   */
  looked(queues: readonly string[], last: QueueFront | undefined): void {
    if (last || (this.#left && queues.includes(this.#left.queue))) this.#leave(last);
  }

  /**
   * Notes what a look has claimed that went on where the last one ended.
   *
   * @param hasMore It had no room for all that it found.
   */
  wentOn(jobs: readonly Job[], hasMore: boolean): void {
    const left = this.#left;
    const isNext = ({ queue, priority }: Job): boolean => queue === left?.queue && priority === left.priority;
    // Where others took all the room, it is where it was.
    this.#leave(hasMore ? (lanesOf(jobs).findLast(isNext) ?? left) : undefined);
  }

  #leave(last: QueueFront | undefined): void {
    this.#left = undefined;
    if (!last) return;
    const { queue, priority, id } = last;
    const front = this.#fronts.get(queue)?.get(priority);
    // What is closer is found by the fetches.
    if (front !== undefined && id < front - WIDE_OVERLAP) this.#left = { queue, priority, id };
  }

  /** Where to go on with the last look, which was full; undefined where nothing is left, as far as is known. */
  left(queues: readonly string[]): readonly QueueFront[] | undefined {
    const left = this.#left;
    if (!left || !queues.includes(left.queue)) return undefined;
    const isLeft = ({ queue, priority }: QueueFront): boolean => queue === left.queue && priority === left.priority;
    const fronts = this.of(queues);
    return fronts.some(isLeft) ? fronts.map((front) => (isLeft(front) ? left : front)) : undefined;
  }

  /** Whether jobs were found in any of the queues. */
  has(queues: readonly string[]): boolean {
    return queues.some((queue) => this.#fronts.has(queue));
  }

  clear(): void {
    this.#fronts.clear();
    this.#left = undefined;
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
