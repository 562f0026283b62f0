import type { Job } from "../job.ts";
import type { QueueFront } from "../sql/fetch-jobs.ts";

/** A fetch looks into each of them. */
const MAX_FRONTS = 64;

/** Where the jobs that wait begin, in each queue and priority, as far as the last claims tell. */
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

  /** Those of the queues; empty if there are none, or too many. */
  of(queues: readonly string[]): readonly QueueFront[] {
    const fronts = queues.flatMap((queue) =>
      [...(this.#fronts.get(queue) ?? [])].map(([priority, id]): QueueFront => ({ queue, priority, id })),
    );
    return fronts.length > MAX_FRONTS ? [] : fronts;
  }

  clear(): void {
    this.#fronts.clear();
  }

  #put(queue: string, priority: number, id: bigint): void {
    const known = this.#fronts.get(queue);
    if (known) known.set(priority, id);
    else this.#fronts.set(queue, new Map([[priority, id]]));
  }
}
