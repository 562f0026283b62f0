import type { Job } from "../job.ts";
import { type FetchRequest, perQueue } from "../sql/fetch-jobs.ts";

/** Where a job stands. */
export type Place = Pick<Job, "queue" | "priority" | "id">;

/** The first job of each lane; the others were taken from further behind. */
export function lanesOf(jobs: readonly Job[]): Job[] {
  const locks = new Set<string>();
  return jobs.filter(({ lock }) => lock === null || locks.size < locks.add(lock).size);
}

type Where = Pick<FetchRequest, "queues" | "fronts">;

/** Of how many rows of each place it looks into a fetch knows at most, and which place a job is of. */
function placesOf({ queues, fronts }: Where, window: number) {
  const keyOf = ({ priority, queue }: Job): string => (fronts ? `${priority} ${queue}` : queue);
  return { most: perQueue(window, (fronts ?? queues).length), keyOf };
}

/** Whether a fetch took all that it looked at of some queue, so that there may be more of it. */
export function isCut(jobs: readonly Job[], where: Where, window: number): boolean {
  const { most, keyOf } = placesOf(where, window);
  if (jobs.length < most) return false;
  const found = new Map<string, number>();
  for (const job of jobs) found.set(keyOf(job), (found.get(keyOf(job)) ?? 0) + 1);
  return [...found.values()].some((count) => count >= most);
}

/**
 * Up to where a fetch left nothing that it could have claimed: its last job, or the last one of a queue that it saw a
 * part of, where that comes first. Undefined where nothing tells.
 *
 * @param jobs In their order.
 * @param window How many rows it looked at, at most.
 * @param seen And how many there were.
 */
export function passedPlace(jobs: readonly Job[], where: Where, window: number, seen: number): Place | undefined {
  const lanes = lanesOf(jobs);
  const { most, keyOf } = placesOf(where, window);
  // Rows that were not claimed may be of any queue.
  const enough = most - (seen - lanes.length);
  if (enough <= 0) return undefined;
  const found = new Map<string, number>();
  for (const lane of lanes) {
    const count = (found.get(keyOf(lane)) ?? 0) + 1;
    found.set(keyOf(lane), count);
    if (count === enough) return lane;
  }
  return lanes.at(-1);
}
