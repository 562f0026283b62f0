import { expect, test } from "vitest";
import type { DirectClaim } from "../../src/sql/wake-jobs.ts";
import { DueJobs } from "../../src/worker/due-jobs.ts";
import { FetchRest } from "../../src/worker/fetch-rest.ts";
import type { JobWaker } from "../../src/worker/job-waker.ts";
import { ManualClock } from "../support/manual-clock.ts";

const PASSED = { queue: "a", priority: 0, id: 7n };

/** Of a worker that fetches ahead, and which due jobs it claims at once. */
function open() {
  const clock = new ManualClock();
  const claims: (DirectClaim | undefined)[] = [];
  const wakeJobs = async (claim?: DirectClaim) => {
    claims.push(claim);
    return { jobs: [], woken: 0 };
  };
  const parts = {
    runtime: { clock, health: { ok: () => undefined }, options: { queues: undefined } },
    dispatcher: { free: 5, add: () => undefined },
    gauge: { depth: 100 },
    paused: { names: ["paused"] },
    polling: { isTold: true, reset: () => undefined },
  } as unknown as ConstructorParameters<typeof DueJobs>[0];
  const due = new DueJobs(parts, { wakeJobs } as unknown as JobWaker, new FetchRest(clock));
  return { clock, claims, due };
}

test("what comes before the last job of a fetch is claimed for 20 ms after its end, from the queues that it looked into", async () => {
  const { clock, claims, due } = open();
  const endedAt = clock.now();
  clock.pass(5);
  due.fetched(PASSED, ["a", "b"], endedAt);
  clock.pass(14.9);
  await due.claim(50);
  expect(claims).toEqual([{ limit: 50, upTo: PASSED, queues: ["a", "b"], exceptQueues: ["paused"] }]);
  clock.pass(0.1);
  await due.claim(50);
  expect(claims[1]).toBeUndefined();
});

test("a fetch that says nothing of what comes first ends what the one before it said", async () => {
  const { claims, due } = open();
  due.fetched(PASSED, ["a"], 0);
  due.fetched(undefined, ["a"], 0);
  await due.claim(50);
  expect(claims).toEqual([undefined]);
});
