import { expect, test } from "vitest";
import type { Job } from "../../src/job.ts";
import { isCut, passedPlace } from "../../src/worker/passed-place.ts";

const WINDOW = 1000;
const QUEUES = ["a", "b", "c", "d"];
/** So many rows are looked at in each of four queues. */
const PER_QUEUE = 500;

interface Some {
  readonly count: number;
  readonly queue: string;
  readonly from: number;
  readonly priority?: number;
  readonly lock?: string;
}

/** Jobs of the queues, in the order in which they run. */
function jobsOf(...some: readonly Some[]): readonly Job[] {
  const jobs = some.flatMap(({ count, queue, from, priority = 0, lock = null }) =>
    Array.from({ length: count }, (_, n) => ({ id: BigInt(from + n), queue, priority, lock }) as Job),
  );
  return jobs.sort((a, b) => b.priority - a.priority || Number(a.id - b.id));
}

const passed = (jobs: readonly Job[], seen = jobs.length, queues = QUEUES) => {
  const place = passedPlace(jobs, { queues }, WINDOW, seen);
  return place && [place.priority, Number(place.id)];
};

test("a fetch that saw all that waits passed its last job", () => {
  expect(passed(jobsOf({ count: 3, queue: "a", from: 10 }, { count: 2, queue: "b", from: 100 }))).toEqual([0, 101]);
  expect(passed(jobsOf({ count: 5, queue: "a", from: 10, priority: 1 }))).toEqual([1, 14]);
});

test("a full fetch of one queue passed its last job", () => {
  expect(passed(jobsOf({ count: WINDOW, queue: "a", from: 1 }), WINDOW, ["a"])).toEqual([0, WINDOW]);
});

test("nothing is passed where nothing was found", () => {
  expect(passed([])).toBeUndefined();
});

test("where a queue was cut off, only what comes before its last job is passed", () => {
  const cut = { count: PER_QUEUE, queue: "a", from: 1 };
  expect(passed(jobsOf(cut, { count: 100, queue: "b", from: 5_000 }))).toEqual([0, PER_QUEUE]);
  expect(passed(jobsOf({ ...cut, count: PER_QUEUE - 1 }, { count: 100, queue: "b", from: 5_000 }))).toEqual([0, 5_099]);
  // Of two of them, that which ends first.
  expect(passed(jobsOf({ ...cut, from: 2 }, { count: PER_QUEUE, queue: "b", from: 600 }))).toEqual([0, PER_QUEUE + 1]);
});

test("rows that were looked at and not claimed may be of any queue, and cut it off", () => {
  const jobs = jobsOf({ count: 400, queue: "a", from: 1 }, { count: 50, queue: "b", from: 5_000 });
  expect(passed(jobs, jobs.length + 99)).toEqual([0, 5_049]);
  expect(passed(jobs, jobs.length + 100)).toEqual([0, 400]);
  expect(passed(jobs, jobs.length + PER_QUEUE)).toBeUndefined();
});

test("with fronts, each priority of a queue is cut off by itself", () => {
  const fronts = [
    { queue: "a", priority: 5, id: 1n },
    { queue: "a", priority: 0, id: 1n },
    { queue: "b", priority: 0, id: 1n },
    { queue: "c", priority: 0, id: 1n },
  ];
  const jobs = jobsOf(
    { count: 300, queue: "a", from: 1, priority: 5 },
    { count: 300, queue: "a", from: 1_000 },
    { count: 200, queue: "b", from: 5_000 },
  );
  expect(passedPlace(jobs, { queues: ["a", "b", "c"], fronts }, WINDOW, jobs.length)).toMatchObject({ id: 5_199n });
});

test("jobs that the head of a lock took along say nothing of what comes before them", () => {
  const jobs = jobsOf({ count: 200, queue: "a", from: 1 }, { count: 700, queue: "a", from: 9_000, lock: "l" });
  expect(passed(jobs, 201)).toEqual([0, 9_000]);
});

test("a queue is cut off where as many of its jobs were found as a fetch looks at", () => {
  const where = { queues: QUEUES };
  const some = { count: PER_QUEUE, queue: "a", from: 1 };
  expect(isCut(jobsOf(some), where, WINDOW)).toBe(true);
  expect(isCut(jobsOf({ ...some, count: PER_QUEUE - 1 }, { ...some, count: 9, queue: "b" }), where, WINDOW)).toBe(
    false,
  );
  expect(isCut([], where, WINDOW)).toBe(false);
});
