import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type App, defineTask, retryStrategy } from "../../src/index.ts";
import { runDueJobs } from "../../src/testing/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { FAST, gate, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

/** Sleeps for so long between polls that a job on time was not found by one. */
const SLEEPY = { pollingInterval: { seconds: 60 } };
/** Node and Postgres read the same clock, and round it differently. */
const ROUNDING_MS = 2;
/** Far above what is usual, far below the next poll: the machine may be busy. */
const LATE_MS = 1500;

/** A task whose jobs know when they are due, and how late they started. */
function punctual() {
  const late = new Map<number, number>();
  const task = defineTask({
    name: "t",
    run: ({ at }: { at: number }, { job }) => {
      late.set(Number(job.id), Date.now() - at);
    },
  });
  const expectOnTime = (): void => {
    const sorted = [...late.values()].sort((a, b) => a - b);
    expect(sorted[0]).toBeGreaterThanOrEqual(-ROUNDING_MS);
    expect(sorted[sorted.length >> 1]).toBeLessThan(LATE_MS / 5);
    expect(sorted.at(-1)).toBeLessThan(LATE_MS);
  };
  return { late, task, app: queue.app([task]), expectOnTime };
}

const isIdle = async (): Promise<boolean> =>
  (await queue.pool.query("select 1 from procrastinate_workers where idle")).rowCount !== 0;

/** The polls of a worker that just went idle come quickly; this waits until they have become rare. */
async function untilAsleep(app: App<never>): Promise<ReturnType<typeof startWorker>> {
  const started = startWorker(app, SLEEPY);
  await until(isIdle);
  const fetches = (): number => queue.sent.filter((name) => name === "list_ready_queues").length;
  await until(() => fetches() >= 5);
  return started;
}

test("jobs that are scheduled while a worker sleeps start on time, none early, whatever the order of deferring", async () => {
  const { late, task, app, expectOnTime } = punctual();
  await using _worker = await untilAsleep(app as App<never>);
  const start = Date.now();
  for (const delayMs of [700, 150, 400, 250, 900, 200, 550, 300, 1000, 50]) {
    await app.defer(task, { at: start + delayMs }, { scheduleAt: new Date(start + delayMs) });
  }
  await until(() => late.size === 10);
  expectOnTime();
});

test("jobs that were scheduled before the worker started start on time although it cannot listen", async () => {
  const { late, task, app, expectOnTime } = punctual();
  const start = Date.now() + 600;
  for (const delayMs of [300, 0, 150]) {
    await app.defer(task, { at: start + delayMs }, { scheduleAt: new Date(start + delayMs) });
  }
  await using _worker = startWorker(app, { ...SLEEPY, listen: false });
  await until(() => late.size === 3);
  expectOnTime();
});

test("rows inserted by hand with a schedule start on time", async () => {
  const { late, app, expectOnTime } = punctual();
  const at = Date.now() + 500;
  await queue.pool.query(
    `insert into procrastinate_jobs (task_name, args, scheduled_at)
     select 't', jsonb_build_object('at', $1::float8 + n), to_timestamp(($1::float8 + n) / 1000) from generate_series(0, 90, 30) n`,
    [at],
  );
  await using _worker = startWorker(app, SLEEPY);
  await until(() => late.size === 4);
  expectOnTime();
});

test("scheduled jobs of one queue start on time when the worker of another queue wakes first", async () => {
  const { late, task, app, expectOnTime } = punctual();
  const at = Date.now() + 500;
  for (const name of ["one", "two"]) await app.defer(task, { at }, { queue: name, scheduleAt: new Date(at) });
  await using _one = startWorker(app, { ...SLEEPY, queues: ["one"] });
  await using _two = startWorker(app, { ...SLEEPY, queues: ["two"], listen: false });
  await until(() => late.size === 2);
  expectOnTime();
});

test("a retry with a delay starts on time", async () => {
  const began: number[] = [];
  const task = defineTask({
    name: "t",
    retry: retryStrategy({ maxAttempts: 2, wait: { milliseconds: 200 } }),
    run: () => {
      began.push(Date.now());
      throw new Error("again");
    },
  });
  const app = queue.app([task]);
  await app.defer(task);
  await using _worker = startWorker(app, SLEEPY);
  await until(() => began.length === 3);
  const gaps = [0, 1].map((n) => (began[n + 1] ?? 0) - (began[n] ?? 0));
  for (const gap of gaps) {
    expect(gap).toBeGreaterThanOrEqual(200 - ROUNDING_MS);
    expect(gap).toBeLessThan(200 + LATE_MS);
  }
});

test("a job whose schedule is past runs at once, and one of the far future harms nobody", async () => {
  const { late, task, app } = punctual();
  await app.defer(task, { at: 0 }, { scheduleAt: new Date(0) });
  await app.defer(task, { at: 0 }, { scheduleAt: "9999-01-01T00:00:00Z" });
  await app.defer(task, { at: 0 }, { scheduleIn: { weeks: 52 * 500 } });
  const run = await runDueJobs(app, FAST);
  expect(run.succeeded.map(({ scheduledAt }) => scheduledAt)).toEqual([new Date(0)]);
  expect(late.size).toBe(1);
  expect((await queue.jobs()).map(({ ready }) => ready)).toEqual([false, false, false]);
});

test("a scheduled job becomes one of its priority at its time, not before", async () => {
  const order: string[] = [];
  const first = gate();
  const task = defineTask({
    name: "t",
    run: async ({ name }: { name: string }) => {
      order.push(name);
      if (name === "first") await first.opened;
    },
  });
  const app = queue.app([task]);
  await app.defer(task, { name: "first" });
  await app.defer(task, { name: "last" });
  await app.defer(task, { name: "urgent later" }, { priority: 5, scheduleIn: { milliseconds: 100 } });
  await using _worker = startWorker(app, SLEEPY);
  await until(() => order.length === 1);
  // Not just due: the worker's timer may be some milliseconds behind the database's clock.
  await until(
    async () =>
      (await queue.pool.query("select 1 from procrastinate_jobs where scheduled_at <= now() and ready")).rowCount,
  );
  first.open();
  await until(() => order.length === 3);
  expect(order).toEqual(["first", "urgent later", "last"]);
});

test("a waiting job that is replaced with an earlier time starts at that", async () => {
  const { late, task, app, expectOnTime } = punctual();
  await app.defer(task, { at: 0 }, { queueingLock: "q", scheduleIn: { hours: 1 } });
  await using _worker = await untilAsleep(app as App<never>);
  const at = Date.now() + 200;
  await app.defer(task, { at }, { queueingLock: "q", onConflict: "replace", scheduleAt: new Date(at) });
  await until(() => late.size === 1);
  expectOnTime();
});

test("thousands of jobs that are due at the same moment all run, once each", async () => {
  const { late, task, app } = punctual();
  const at = Date.now() + 400;
  await app.batchDefer(task, Array(2500).fill({ at }), { scheduleAt: new Date(at) });
  await using _worker = startWorker(app, { ...SLEEPY, concurrency: 10 });
  await until(() => late.size === 2500);
  expect(Math.min(...late.values())).toBeGreaterThanOrEqual(-ROUNDING_MS);
  await until(async () =>
    (await queue.jobs()).every(({ status, attempts }) => status === "succeeded" && attempts === 1),
  );
});
