import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { defineTask } from "../../src/index.ts";
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

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** A task that notes its runs, and the app that has it. */
function recorder(run: (n: number) => unknown = () => undefined) {
  const ran: number[] = [];
  const task = defineTask({
    name: "t",
    run: ({ n }: { n: number }) => {
      ran.push(n);
      return run(n);
    },
  });
  return { ran, task, app: queue.app([task]) };
}

test.each([0, 1000])(
  "hundreds of jobs over five queues run by priority, then id, with maxPrefetch %i",
  async (maxPrefetch) => {
    const { ran, task, app } = recorder();
    const jobs = upTo(400).map((n) => ({ n, priority: (n * 7919) % 11, queue: `q${(n * 31) % 5}` }));
    for (const { n, ...options } of jobs) await app.defer(task, { n }, options);
    await runDueJobs(app, { ...FAST, maxPrefetch });
    expect(ran).toEqual(jobs.toSorted((a, b) => b.priority - a.priority || a.n - b.n).map(({ n }) => n));
  },
);

test("a worker takes no job of another queue, whatever its priority", async () => {
  const { ran, task, app } = recorder();
  await app.defer(task, { n: 1 }, { queue: "mine" });
  await app.defer(task, { n: 2 }, { queue: "other", priority: 100, lock: "l" });
  await app.defer(task, { n: 3 }, { queue: "mine", lock: "m" });
  await runDueJobs(app, { ...FAST, queues: ["mine", "none"], concurrency: 5 });
  expect(ran).toEqual([1, 3]);
  const left = await queue.pool.query("select lease, status, ready from procrastinate_jobs where queue_name = 'other'");
  expect(left.rows).toEqual([{ lease: 0, status: "todo", ready: true }]);
});

test("an urgent job that is deferred while long ones wait is the next to start", async () => {
  const gates = upTo(4).map(() => gate());
  const { ran, task, app } = recorder((n) => gates[n]?.opened);
  await app.batchDefer(
    task,
    upTo(3).map((n) => ({ n })),
  );
  await using _worker = startWorker(app);
  await until(() => ran.length === 1);
  await app.defer(task, { n: 3 }, { priority: 1 });
  for (const { open } of gates) open();
  await until(() => ran.length === 4);
  expect(ran).toEqual([0, 3, 1, 2]);
});

test("jobs in more queues than a fetch looks into are all run, also with one slot", async () => {
  const { ran, task, app } = recorder();
  const jobs = upTo(200);
  for (const n of jobs) await app.defer(task, { n }, { queue: `queue ${n}` });
  await runDueJobs(app, FAST);
  expect(ran.toSorted((a, b) => a - b)).toEqual(jobs);
});

test("a queue that is new is found while the worker has its hands full with others", async () => {
  let more = true;
  const { ran, task, app } = recorder((n) =>
    n === 0 && more ? app.defer(task, { n: 0 }, { queue: "busy" }) : undefined,
  );
  await app.batchDefer(task, Array(50).fill({ n: 0 }), { queue: "busy" });
  await using _worker = startWorker(app, { listen: false });
  await until(() => ran.length > 100);
  await app.defer(task, { n: 1 }, { queue: "new" });
  await until(() => ran.includes(1));
  more = false;
});

test("a worker with several slots starts jobs in order and never has more running than slots", async () => {
  let active = 0;
  let most = 0;
  const { ran, task, app } = recorder(async () => {
    most = Math.max(most, ++active);
    await new Promise((resolve) => setImmediate(resolve));
    active--;
  });
  await app.batchDefer(
    task,
    upTo(500).map((n) => ({ n })),
  );
  await runDueJobs(app, { ...FAST, concurrency: 7 });
  expect(ran).toEqual(upTo(500));
  expect(most).toBe(7);
});

test("three workers share the jobs: each one runs once", async () => {
  const { ran, task, app } = recorder(() => new Promise((resolve) => setTimeout(resolve, 1)));
  await app.batchDefer(
    task,
    upTo(600).map((n) => ({ n })),
  );
  const shares = await Promise.all(upTo(3).map(() => runDueJobs(app, { ...FAST, concurrency: 4 })));
  expect(ran.toSorted((a, b) => a - b)).toEqual(upTo(600));
  for (const { succeeded } of shares) expect(succeeded.length).toBeGreaterThan(0);
});
