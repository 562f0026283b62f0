import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { App } from "../../src/app.ts";
import { defineTask } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { startWorker } from "../support/worker-run.ts";

type Tx = Parameters<Parameters<TestQueue["transaction"]>[0]>[0];

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
const isAside = async (id: bigint): Promise<boolean> =>
  (await queue.jobs()).some((job) => job.id === id && !job.ready && job.wakeAt === null);

/** Only a notification, or a promotion, can tell in time: no poll, no sweep. */
const NO_POLLS = { pollingInterval: { seconds: 60 } };

/** What takes the head of a lock out of the way of the job behind it. */
const CHANGES: readonly [string, (app: App<Tx>, head: bigint, follower: bigint, tx?: Tx) => Promise<unknown>][] = [
  ["is cancelled", (app, head, _follower, tx) => app.jobs.cancel(head, { tx })],
  ["is cancelled and deleted", (app, head, _follower, tx) => app.jobs.cancel(head, { delete: true, tx })],
  ["is deleted", (app, head, _follower, tx) => app.jobs.delete(head, { tx })],
  ["is cancelled among many", (app, _head, _follower, tx) => app.jobs.cancelMany({ args: { n: 1 } }, { tx })],
  ["is deleted among many", (app, _head, _follower, tx) => app.jobs.deleteMany({ args: { n: 1 } }, { tx })],
  ["gets a lower priority", (app, head, _follower, tx) => app.jobs.setPriority(head, -1, { tx })],
  ["is overtaken by a higher priority", (app, _head, follower, tx) => app.jobs.setPriority(follower, 1, { tx })],
  [
    "is rescheduled to now, and runs first",
    (app, head, _follower, tx) => app.jobs.reschedule(head, { scheduleIn: {}, tx }),
  ],
];

describe("a job that is set aside behind the scheduled head of its lock runs as soon as the head", () => {
  test.each(CHANGES)("%s", async (what, change) => {
    const app = queue.app([task]);
    const head = await app.defer(task, { n: 1 }, { lock: "l", scheduleIn: { days: 1 } });
    const follower = await app.defer(task, { n: 2 }, { lock: "l" });
    await using _worker = startWorker(app, NO_POLLS);
    await until(() => isAside(follower));
    await until(isIdle);
    await change(app, head, follower);
    await until(() => ran.includes(2));
    expect(ran).toEqual(what.includes("runs first") ? [1, 2] : [2]);
  });

  test.each(CHANGES)("%s, in a transaction that commits", async (what, change) => {
    const app = queue.app([task]);
    const head = await app.defer(task, { n: 1 }, { lock: "l", scheduleIn: { days: 1 } });
    await using _worker = startWorker(app, NO_POLLS);
    await until(isIdle);
    let follower = 0n;
    await queue.transaction(async (tx) => {
      // Deferred before its head changes, and set aside after that, by a fetch that does not see it.
      follower = await app.defer(task, { n: 2 }, { lock: "l" });
      await until(() => isAside(follower));
      await change(app, head, follower, tx);
    });
    await until(() => ran.includes(2));
    expect(ran).toEqual(what.includes("runs first") ? [1, 2] : [2]);
  });
});

test("more locks than a notification each is worth are swept for", async () => {
  const app = queue.app([task]);
  for (let n = 0; n < 30; n++)
    await app.defer(task, { n: 0 }, { lock: `l${n}`, scheduleIn: { days: 1 }, queue: "heads" });
  await using _worker = startWorker(app, NO_POLLS);
  for (let n = 0; n < 30; n++) await app.defer(task, { n }, { lock: `l${n}` });
  await until(async () => (await queue.jobs()).every(({ ready }) => !ready));
  await queue.transaction((tx) => app.jobs.cancelMany({ queue: "heads" }, { tx }));
  await until(() => ran.length === 30);
});

test("a retried job takes its place in the order of its lock, before those that came later", async () => {
  const app = queue.app([task]);
  const failed = await app.defer(task, { n: 1 }, { lock: "l" });
  await app.jobs.cancel(failed);
  const follower = await app.defer(task, { n: 2 }, { lock: "l" });
  await app.jobs.retry(failed, { scheduleIn: { milliseconds: 300 } });
  await using _worker = startWorker(app, NO_POLLS);
  await until(() => isAside(follower));
  await until(() => ran.length === 2);
  expect(ran).toEqual([1, 2]);
});

test("a job that is rescheduled to a moment from now wakes an idle worker in time", async () => {
  const app = queue.app([task]);
  const id = await app.defer(task, { n: 1 }, { scheduleIn: { days: 1 } });
  await using _worker = startWorker(app, NO_POLLS);
  await until(isIdle);
  await app.jobs.reschedule(id, { scheduleIn: { milliseconds: 50 } });
  await until(() => ran.length === 1);
});

test("a job that is cancelled while a worker fetches either runs or is cancelled, never both", async () => {
  const app = queue.app([task]);
  const ids = await app.batchDefer(
    task,
    Array.from({ length: 200 }, (_none, n) => ({ n })),
  );
  await using _worker = startWorker(app, { concurrency: 1, maxPrefetch: 5 });
  const outcomes = await Promise.all(
    ids.map((id) =>
      app.jobs.cancel(id).then(
        () => "cancelled",
        (error: { status?: string }) => error.status ?? "?",
      ),
    ),
  );
  await until(async () => (await app.jobs.count()).todo + (await app.jobs.count()).doing === 0);
  const counts = await app.jobs.count();
  expect(counts.cancelled).toBe(outcomes.filter((outcome) => outcome === "cancelled").length);
  expect(counts.succeeded).toBe(ran.length);
  expect(counts.cancelled + counts.succeeded).toBe(200);
});
