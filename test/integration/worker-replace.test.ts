import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { defineTask } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(async () => {
  await queue.clear();
  await queue.pool.query("delete from procrastinate_workers");
});
afterAll(() => queue.close());

const ran: number[] = [];
const task = defineTask({ name: "t", run: ({ n }: { n: number }) => ran.push(n) });
beforeEach(() => {
  ran.length = 0;
});

const isIdle = async (): Promise<boolean> =>
  (await queue.pool.query("select 1 from procrastinate_workers where idle")).rowCount !== 0;
const later = { queueingLock: "q", scheduleIn: { days: 1 } };

describe("a job that is set aside behind the head of its lock, while a transaction replaces that head", () => {
  test.each([
    ["with another lock", "old", { lock: "new" }],
    ["without a lock", "old", { lock: null }],
    ["with a lower priority", "old", { lock: "old", priority: -1 }],
    ["and that lock was the empty one", "", { lock: "new" }],
    ["and that lock is too long for a notification", "\u0001".repeat(2000), { lock: "new" }],
  ])("runs as soon as it commits: %s", async (_how, lock, replacement) => {
    const app = queue.app([task]);
    await app.defer(task, { n: 1 }, { ...later, lock });
    await using _worker = startWorker(app, { pollingInterval: { seconds: 60 } });
    await until(isIdle);
    await queue.transaction(async (tx) => {
      await app.defer(task, { n: 2 }, { ...later, ...replacement, onConflict: "replace", tx });
      const follower = await app.defer(task, { n: 3 }, { lock });
      await until(async () => (await queue.jobs()).some(({ id, ready }) => id === follower && !ready));
    });
    await until(() => ran.length === 1);
    expect(ran).toEqual([3]);
  });
});

test("a replacement in a transaction does not wait for the jobs behind its former lock, nor make others wait", async () => {
  const app = queue.app([task]);
  await app.defer(task, { n: 1 }, { ...later, lock: "old" });
  const follower = await app.defer(task, { n: 2 }, { lock: "old" });
  await queue.pool.query("update procrastinate_jobs set ready = false where id = $1", [follower]);
  await queue.transaction(async (tx) => {
    await app.defer(task, { n: 3 }, { ...later, lock: "new", onConflict: "replace", tx });
    await queue.pool.query("select 1 from procrastinate_jobs where id = $1 for update nowait", [follower]);
  });
});
