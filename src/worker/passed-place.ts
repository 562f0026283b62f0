import type { Job } from "../job.ts";
import { type FetchRequest, perQueue } from "../sql/fetch-jobs.ts";

/** Where a job stands. */
export type Place = Pick<Job, "queue" | "priority" | "id">;

/** The first job of each lane; the others were taken from further behind. */
export function lanesOf(jobs: readonly Job[]): Job[] {
  const locks = new Set<string>();
  return jobs.filter(({ lock }) => lock === null || locks.size < locks.add(lock).size);
}

/**
 * Up to where a fetch left nothing that it could have claimed: its last job, or the last one of a queue that it saw a
 * part of, where that comes first. Undefined where nothing tells.
 *
 * @param jobs In their order.
 * @param window How many rows it looked at, at most.
 * @param seen And how many there were.
 */
export function passedPlace(
  jobs: readonly Job[],
  { queues, fronts }: Pick<FetchRequest, "queues" | "fronts">,
  window: number,
  seen: number,
): Place | undefined {
  const lanes = lanesOf(jobs);
  const most = perQueue(window, (fronts ?? queues).length);
  // Rows that were not claimed may be of any queue.
  const enough = most - (seen - lanes.length);
  if (enough <= 0) return undefined;
  const found = new Map<string, number>();
  for (const lane of lanes) {
    const key = fronts ? `${lane.priority} ${lane.queue}` : lane.queue;
    const count = (found.get(key) ?? 0) + 1;
    found.set(key, count);
    if (count === enough) return lane;
  }
  return lanes.at(-1);
}
