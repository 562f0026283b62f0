import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { defineTask, retryStrategy } from "../../src/index.ts";
import { startClockedWorker } from "../support/clocked-worker.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { FAST, gate, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

const workers = async (): Promise<number> =>
  (await queue.pool.query("select 1 from procrastinate_workers")).rowCount ?? 0;

test("stop waits for what runs, gives back what was only fetched, and leaves no worker behind", async () => {
  const held = gate();
  const begun: number[] = [];
  const task = defineTask({
    name: "t",
    run: async ({ n }: { n: number }) => {
      begun.push(n);
      // Short ones first, so that the worker fetches ahead.
      if (n >= 300) await held.opened;
    },
  });
  const app = queue.app([task]);
  await app.batchDefer(
    task,
    Array.from({ length: 600 }, (_, n) => ({ n })),
  );
  const { worker, done } = startWorker(app, { concurrency: 2 });
  await until(() => begun.length === 302);
  expect((await queue.jobs()).filter(({ status }) => status === "doing").length).toBeGreaterThan(2);
  const stopped = worker.stop();
  held.open();
  await stopped;
  await done;
  const jobs = await queue.jobs();
  expect(jobs.filter(({ status }) => status === "succeeded")).toHaveLength(302);
  expect(jobs.filter(({ status, attempts, ready }) => status === "todo" && attempts === 0 && ready)).toHaveLength(298);
  expect(await workers()).toBe(0);
});

test("what still runs after the grace period is interrupted and waits again, with no attempt counted", async () => {
  const begun = gate();
  const reasons: unknown[] = [];
  const task = defineTask({
    name: "t",
    retry: false,
    run: (_args, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          reasons.push(signal.reason.reason);
          reject(new Error("whatever it throws"));
        });
        begun.open();
      }),
  });
  const app = queue.app([task]);
  await app.defer(task, {}, { lock: "l", queueingLock: "q" });
  await using started = startWorker(app, { shutdownGrace: { milliseconds: 20 } });
  await begun.opened;
  await started.worker.stop();
  expect(reasons).toEqual(["shutdown"]);
  expect((await queue.jobs())[0]).toMatchObject({ status: "todo", attempts: 0, ready: true, queueingKey: "q" });
});

test("a job that fails during a stop, to be retried later, leaves no timer that keeps the process from ending", async () => {
  const [begun, held] = [gate(), gate()];
  const task = defineTask({
    name: "t",
    retry: retryStrategy({ maxAttempts: 1, wait: { minutes: 30 } }),
    run: async () => {
      begun.open();
      await held.opened;
      throw new Error("as told");
    },
  });
  await queue.app([task]).defer(task);
  const { worker, clock } = startClockedWorker(queue, [task]);
  await begun.opened;
  const stopped = worker.stop();
  // The loop has ended by then, and its timer was cleared.
  await new Promise((resolve) => setImmediate(resolve));
  held.open();
  await stopped;
  expect((await queue.jobs())[0]).toMatchObject({ status: "todo", attempts: 1 });
  expect(clock.pending).toBe(0);
});

test("a lane is cut at shutdown: the running member ends, its followers wait again in order", async () => {
  const held = gate();
  const begun: number[] = [];
  const task = defineTask({
    name: "t",
    lock: "lane",
    run: async ({ n }: { n: number }) => {
      begun.push(n);
      if (n === 100) await held.opened;
    },
  });
  const app = queue.app([task]);
  await app.batchDefer(
    task,
    Array.from({ length: 200 }, (_, n) => ({ n })),
  );
  const { worker } = startWorker(app);
  await until(() => begun.length === 101);
  const stopped = worker.stop();
  const other = startWorker(app);
  // The lock passed to the running member, so the other worker must not begin with the next one.
  await until(async () => (await queue.jobs()).filter(({ status }) => status === "doing").length === 1);
  expect(begun).toHaveLength(101);
  held.open();
  await stopped;
  await until(() => begun.length === 200);
  await other.worker.stop();
  expect(begun).toEqual(Array.from({ length: 200 }, (_, n) => n));
});

test("a worker may be stopped before it runs, and more than once", async () => {
  const app = queue.app([defineTask({ name: "t", run: () => 1 })]);
  const worker = app.createWorker(FAST);
  await worker.stop();
  await worker.run();
  await worker.stop();
  expect(await workers()).toBe(0);
});

test.each([1, 10])(
  "wait: false drains children, retries and followers of locks, with %i slots",
  async (concurrency) => {
    const child = defineTask({
      name: "child",
      lock: "one",
      run: () => new Promise((resolve) => setImmediate(resolve)),
    });
    let failures = 0;
    const parent = defineTask({
      name: "parent",
      retry: 1,
      run: async (_args, context) => {
        if (failures++ === 0) throw new Error("again");
        await new Promise((resolve) => setImmediate(resolve));
        await context.batchDefer(child, [{}, {}, {}]);
      },
    });
    const app = queue.app([parent, child]);
    await app.defer(parent);
    await app.createWorker({ ...FAST, concurrency, wait: false }).run();
    const jobs = await queue.jobs();
    expect(jobs.map(({ task, status }) => `${task} ${status}`)).toEqual([
      "parent succeeded",
      ...Array(3).fill("child succeeded"),
    ]);
  },
);

test("SIGTERM stops a worker that was told to listen for it", async () => {
  const app = queue.app([defineTask({ name: "t", run: () => 1 })]);
  const { worker, done } = startWorker(app, { installSignalHandlers: true });
  await new Promise<void>((resolve) => worker.on("idle", () => resolve()));
  process.emit("SIGTERM");
  await done;
  expect(process.listenerCount("SIGTERM")).toBe(0);
});

test.each([
  ["listens for signals while it runs", {}, 1],
  ["leaves the signals alone that it was told to", { installSignalHandlers: false }, 0],
])("a worker %s", async (_what, given, more) => {
  const { installSignalHandlers: _off, ...fast } = FAST;
  const count = () => [process.listenerCount("SIGTERM"), process.listenerCount("SIGINT")] as const;
  const [term, int] = count();
  const worker = queue.app([defineTask({ name: "t", run: () => 1 })]).createWorker({ ...fast, ...given });
  const done = worker.run();
  await new Promise<void>((resolve) => worker.on("idle", () => resolve()));
  expect(count()).toEqual([term + more, int + more]);
  await worker.stop();
  await done;
  expect(count()).toEqual([term, int]);
});

test("tables that are too old or too new keep a worker from starting, newer ones that suit it do not", async () => {
  const app = queue.app([defineTask({ name: "t", run: () => 1 })]);
  await queue.pool.query("alter table procrastinate_periodic_defers alter schema_version set default 99");
  const started = expect(app.createWorker(FAST).run()).rejects;
  await started.toThrow(
    /have version 99, .*; this one is made for version 1\. Update it\. Run: npm install procrastinate@latest$/,
  );
  await queue.pool.query("alter table procrastinate_periodic_defers alter schema_version set default 0");
  await expect(app.createWorker(FAST).run()).rejects.toThrow(/have version 0.*Migrate them before/);
  await queue.pool.query("alter table procrastinate_periodic_defers alter schema_version set default 1002");
  const { worker, done } = startWorker(app);
  await new Promise<void>((resolve) => worker.on("idle", () => resolve()));
  await worker.stop();
  await done;
  await queue.pool.query("alter table procrastinate_periodic_defers alter schema_version set default 1");
});
