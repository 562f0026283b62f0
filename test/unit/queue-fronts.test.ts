import { expect, test } from "vitest";
import type { Job } from "../../src/job.ts";
import { QueueFronts } from "../../src/worker/queue-fronts.ts";
import { sampleJob } from "../support/sample-job.ts";

const job = (id: bigint, fields: Partial<Job> = {}): Job => sampleJob({ id, queue: "q", ...fields });

test("begins each queue and priority at the first job of the last claim that had some of them", () => {
  const fronts = new QueueFronts();
  expect(fronts.of(["q"])).toEqual([]);
  fronts.claimed([job(7n, { priority: 5 }), job(9n, { priority: 5 }), job(3n), job(4n), job(5n, { queue: "r" })]);
  fronts.claimed([job(6n), job(8n)]);
  fronts.claimed([]);
  expect(fronts.of(["q", "none"])).toEqual([
    { queue: "q", priority: 5, id: 7n },
    { queue: "q", priority: 0, id: 6n },
  ]);
  expect(fronts.of(["r"])).toEqual([{ queue: "r", priority: 0, id: 5n }]);
});

test("does not begin at a job that the head of its lock took along", () => {
  const fronts = new QueueFronts();
  fronts.claimed([job(1n, { lock: "l", priority: 1 }), job(50n, { lock: "l" }), job(60n)]);
  expect(fronts.of(["q"])).toEqual([
    { queue: "q", priority: 1, id: 1n },
    { queue: "q", priority: 0, id: 60n },
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
