import { expect, test } from "vitest";
import type { Job } from "../../src/job.ts";
import { QueueFronts } from "../../src/worker/queue-fronts.ts";
import { sampleJob } from "../support/sample-job.ts";

const job = (id: bigint, fields: Partial<Job> = {}): Job => sampleJob({ id, queue: "q", ...fields });

const from = (id: bigint): bigint => id - 2_000n;
const fromFar = (id: bigint): bigint => id - 20_000n;

test("begins each queue and priority a little before the first job of the last claim that had some of them", () => {
  const fronts = new QueueFronts();
  expect(fronts.of(["q"])).toEqual([]);
  fronts.claimed([
    ...[job(50_007n, { priority: 5 }), job(50_009n, { priority: 5 })],
    ...[job(50_003n), job(50_004n), job(50_005n, { queue: "r" })],
  ]);
  fronts.claimed([job(50_006n), job(50_008n)]);
  fronts.claimed([]);
  expect(fronts.of(["q", "none"])).toEqual([
    { queue: "q", priority: 5, id: from(50_007n) },
    { queue: "q", priority: 0, id: from(50_006n) },
  ]);
  expect(fronts.of(["r"])).toEqual([{ queue: "r", priority: 0, id: from(50_005n) }]);
  expect(fronts.of(["r"], true)).toEqual([{ queue: "r", priority: 0, id: fromFar(50_005n) }]);
});

test("does not go back for a job that became ready again, and never before the first id", () => {
  const fronts = new QueueFronts();
  fronts.claimed([job(10n)]);
  expect(fronts.of(["q"])).toEqual([{ queue: "q", priority: 0, id: 0n }]);
  fronts.claimed([job(90_000n)]);
  fronts.claimed([job(11n), job(90_001n)]);
  expect(fronts.of(["q"])).toEqual([{ queue: "q", priority: 0, id: from(90_000n) }]);
});

test("does not begin at a job that the head of its lock took along", () => {
  const fronts = new QueueFronts();
  fronts.claimed([job(30_001n, { lock: "l", priority: 1 }), job(30_050n, { lock: "l" }), job(30_060n)]);
  expect(fronts.of(["q"])).toEqual([
    { queue: "q", priority: 1, id: from(30_001n) },
    { queue: "q", priority: 0, id: from(30_060n) },
  ]);
});

test("forgets them all", () => {
  const fronts = new QueueFronts();
  fronts.claimed([job(1n)]);
  fronts.clear();
  expect(fronts.of(["q"])).toEqual([]);
});

test("has none where there would be too many to look into", () => {
  const fronts = new QueueFronts();
  fronts.claimed(Array.from({ length: 65 }, (_, n) => job(BigInt(n), { priority: 100 - n })));
  expect(fronts.of(["q"])).toEqual([]);
});

const A = { queue: "q", priority: 0 };

test("a look that left some far before the others is gone on with where it ended, until there are no more", () => {
  const fronts = new QueueFronts();
  fronts.claimed([job(900_000n, { priority: 5 }), job(900_000n)]);
  expect(fronts.left(["q"])).toBeUndefined();
  fronts.looked(["q"], { ...A, id: 11n });
  const high = { queue: "q", priority: 5, id: from(900_000n) };
  expect(fronts.left(["q"])).toEqual([high, { ...A, id: 11n }]);
  expect(fronts.left(["other"])).toBeUndefined();
  // Jobs of other priorities took the room.
  fronts.wentOn([job(900_007n, { priority: 5 })], true);
  expect(fronts.left(["q"])).toEqual([high, { ...A, id: 11n }]);
  fronts.wentOn([job(900_008n, { priority: 5 }), job(12n), job(13n)], true);
  expect(fronts.left(["q"])).toEqual([high, { ...A, id: 13n }]);
  fronts.wentOn([job(14n)], false);
  expect(fronts.left(["q"])).toBeUndefined();
});

test("nothing is left where a look came to where fetches begin, or all were forgotten", () => {
  const fronts = new QueueFronts();
  fronts.claimed([job(900_000n)]);
  fronts.looked(["q"], { ...A, id: fromFar(900_000n) });
  expect(fronts.left(["q"])).toBeUndefined();
  fronts.looked(["q"], { ...A, id: 10n });
  fronts.wentOn([job(fromFar(900_000n))], true);
  expect(fronts.left(["q"])).toBeUndefined();
  fronts.looked(["q"], { ...A, id: 10n });
  fronts.clear();
  fronts.claimed([job(900_000n)]);
  expect(fronts.left(["q"])).toBeUndefined();
});

test("what a look left stands until one of the same queue says otherwise", () => {
  const fronts = new QueueFronts();
  fronts.claimed([job(900_000n), job(900_000n, { queue: "r" })]);
  fronts.looked(["q"], { ...A, id: 10n });
  fronts.looked(["r"], undefined);
  expect(fronts.left(["q"])).toEqual([{ ...A, id: 10n }]);
  fronts.looked(["q", "r"], undefined);
  expect(fronts.left(["q"])).toBeUndefined();
  fronts.looked(["q"], { ...A, id: 10n });
  fronts.looked(["r"], { queue: "r", priority: 0, id: 20n });
  expect(fronts.left(["q"])).toBeUndefined();
  expect(fronts.left(["r"])).toEqual([{ queue: "r", priority: 0, id: 20n }]);
});
