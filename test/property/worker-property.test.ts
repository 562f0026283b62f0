import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { play, type Scenario, scenario, type Witness } from "./scenario.ts";

let queue: TestQueue;
/** On a slow machine the last scenario is still played when the time is over. */
let last: Promise<void> = Promise.resolve();
beforeAll(async () => {
  queue = await openTestQueue({ max: 30 });
  await queue.pool.query("create table effects (n int)");
});
afterAll(async () => {
  await last;
  await queue.close();
});

/** Who ran for the first time after whom, under one lock. */
function firstRuns(witness: Witness, { jobs }: Scenario, lock: string): number[] {
  return [...new Set(witness.runs.map(({ n }) => n))].filter((n) => jobs[n]?.lock === lock);
}

/** The order of a lock: by priority, then of deferring. A head holds the others back until it has ended. */
function lockOrder({ jobs }: Scenario, lock: string): number[] {
  const members = jobs.flatMap((job, n) => (job.lock === lock ? [{ n, priority: job.priority }] : []));
  return members.toSorted((a, b) => b.priority - a.priority || a.n - b.n).map(({ n }) => n);
}

/** Jobs with mutex are passed while they wait for their time; nobody passes one that is ordered. */
function checkOrder(witness: Witness, given: Scenario, lock: string): void {
  const runs = firstRuns(witness, given, lock);
  const order = lockOrder(given, lock);
  for (const [place, n] of order.entries()) {
    if (given.jobs[n]?.mutex) continue;
    const behind = new Set(order.slice(place + 1));
    expect(runs.slice(0, runs.indexOf(n)).filter((other) => behind.has(other))).toEqual([]);
  }
}

function check(given: Scenario): Promise<void> {
  const checked = playAndCheck(given);
  last = checked.catch(() => undefined);
  return checked;
}

async function playAndCheck(given: Scenario): Promise<void> {
  await queue.clear();
  await queue.pool.query("truncate effects");
  const witness = await play(queue, given);
  const stored = await queue.jobs();
  expect(witness.overlaps).toBe(0);
  for (const lock of ["a", "b", "c"]) checkOrder(witness, given, lock);
  for (const { n, at } of witness.runs) expect(at).toBeGreaterThanOrEqual((witness.dueAt.get(n) ?? 0) - 2);
  expect(stored.map(({ status }) => status)).toEqual(
    given.jobs.map(({ end }) => (end === "fail" ? "failed" : "succeeded")),
  );
  const isUntroubled = given.troubles.length === 0;
  if (isUntroubled) {
    expect(stored.map(({ attempts }) => attempts)).toEqual(given.jobs.map(({ failures }) => failures.length + 1));
    expect(witness.runs).toHaveLength(given.jobs.reduce((sum, { failures }) => sum + failures.length + 1, 0));
  }
  const effects = await queue.pool.query<{ n: number }>("select n from effects order by n");
  const completed = effects.rows.map(({ n }) => n);
  expect(new Set(completed).size).toBe(completed.length);
  if (isUntroubled) expect(completed).toEqual(given.jobs.flatMap(({ end }, n) => (end === "complete" ? [n] : [])));
}

test("whatever is deferred, fails, is stopped or cut off: every job ends once, locks, order and schedules are kept", async () => {
  await fc.assert(fc.asyncProperty(scenario, check), {
    numRuns: 30,
    interruptAfterTimeLimit: 25_000,
    endOnFailure: true,
  });
}, 60_000);
