import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { DatabaseError } from "../../src/database-error.ts";
import { createApp, defineTask, silentLogger } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { gate, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(async () => {
  await queue.clear();
  // Workers that were stopped without the database left theirs.
  await queue.pool.query("delete from procrastinate_workers");
});
afterAll(() => queue.close());

test("the grace period also ends a worker that shall not wait for further jobs", async () => {
  const reasons: unknown[] = [];
  const task = defineTask({
    name: "t",
    run: (_args, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          reasons.push(signal.reason.reason);
          reject(signal.reason);
        });
      }),
  });
  const app = queue.app([task]);
  await app.defer(task);
  const { worker, done } = startWorker(app, { wait: false, concurrency: 2, shutdownGrace: { milliseconds: 20 } });
  await until(async () => (await queue.jobs())[0]?.status === "doing");
  let stopped = false;
  void worker.stop().then(() => (stopped = true));
  await until(() => stopped, { timeoutMs: 3000 });
  await done;
  expect(reasons).toEqual(["shutdown"]);
});

test("jobs that were rescued twice, and so run one at a time, do not start any more after a stop", async () => {
  const begun: number[] = [];
  const task = defineTask({
    name: "t",
    run: ({ n }: { n: number }, { signal }) =>
      new Promise((_resolve, reject) => {
        begun.push(n);
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
  });
  const app = queue.app([task]);
  await app.batchDefer(task, [{ n: 1 }, { n: 2 }, { n: 3 }]);
  await queue.pool.query("update procrastinate_jobs set rescues = 2");
  const { worker } = startWorker(app, { concurrency: 3, maxRescues: 9, shutdownGrace: { milliseconds: 50 } });
  await until(async () => (await queue.jobs()).every(({ status }) => status === "doing") && begun.length === 1);
  let stopped = false;
  void worker.stop().then(() => (stopped = true));
  await until(() => stopped, { timeoutMs: 3000 });
  expect(begun).toHaveLength(1);
  expect((await queue.jobs()).map(({ status, attempts }) => [status, attempts])).toEqual(Array(3).fill(["todo", 0]));
});

test("a stop ends although the database is away and a job has completed in its own transaction", async () => {
  const held = gate();
  const begun = gate();
  let away = false;
  const connector: typeof queue.connector = {
    ...queue.connector,
    pool: {
      query: (statement, values) =>
        away
          ? Promise.reject(new DatabaseError(statement.name, new Error("connect ECONNREFUSED")))
          : queue.connector.pool.query(statement, values),
    },
  };
  const task = defineTask({
    name: "t",
    run: async (_args, context) => {
      await queue.transaction((tx) => context.complete(tx));
      begun.open();
      await held.opened;
    },
  });
  const app = createApp({ connector, tasks: [task], logger: silentLogger });
  await app.defer(task);
  const { worker } = startWorker(app);
  await begun.opened;
  away = true;
  held.open();
  let stopped = false;
  void worker.stop().then(() => (stopped = true));
  try {
    await until(() => stopped, { timeoutMs: 12_000 });
  } finally {
    away = false;
  }
});

test("a handler that hangs in its transaction after completing keeps nobody else's outcome from being written", async () => {
  const held = gate();
  const stuck = defineTask({
    name: "stuck",
    timeout: { milliseconds: 30 },
    run: (_args, context) =>
      queue.transaction(async (tx) => {
        await context.complete(tx);
        await held.opened;
      }),
  });
  const other = defineTask({ name: "other", run: () => 1 });
  const app = queue.app([stuck, other]);
  await app.defer(stuck);
  const started = startWorker(app, { concurrency: 2, abandonAfter: { milliseconds: 30 } });
  const ended = new Promise<void>((resolve) =>
    started.worker.on("job_success", ({ job }) => job.taskName === "stuck" && resolve()),
  );
  const abandoned = new Promise((resolve) => started.worker.on("job_abandoned", resolve));
  await abandoned;
  await app.defer(other);
  try {
    await until(
      async () => (await queue.jobs()).some(({ task, status }) => task === "other" && status === "succeeded"),
      {
        timeoutMs: 4000,
      },
    );
  } finally {
    held.open();
    // Its transaction commits after all, and that stands.
    await ended;
    expect((await queue.jobs()).map(({ status }) => status)).toEqual(["succeeded", "succeeded"]);
    await started.worker.stop();
  }
});

test("a handler that hangs in its transaction after completing does not keep a worker in doubt about its claims from working", async () => {
  const held = gate();
  let failing = false;
  const connector: typeof queue.connector = {
    ...queue.connector,
    pool: {
      query: (statement, values) => {
        const fails = failing && statement.name.startsWith("fetch");
        if (fails) failing = false;
        return fails
          ? Promise.reject(new DatabaseError(statement.name, new Error("Connection terminated unexpectedly")))
          : queue.connector.pool.query(statement, values);
      },
    },
  };
  const stuck = defineTask({
    name: "stuck",
    timeout: { milliseconds: 30 },
    run: (_args, context) =>
      queue.transaction(async (tx) => {
        await context.complete(tx);
        await held.opened;
      }),
  });
  const other = defineTask({ name: "other", run: () => 1 });
  const app = createApp({ connector, tasks: [stuck, other], logger: silentLogger });
  await app.defer(stuck);
  const started = startWorker(app, { concurrency: 2, abandonAfter: { milliseconds: 30 } });
  const ended = new Promise<void>((resolve) =>
    started.worker.on("job_success", ({ job }) => job.taskName === "stuck" && resolve()),
  );
  await new Promise((resolve) => started.worker.on("job_abandoned", resolve));
  failing = true;
  await app.defer(other);
  try {
    await until(
      async () => (await queue.jobs()).some(({ task, status }) => task === "other" && status === "succeeded"),
      { timeoutMs: 4000 },
    );
  } finally {
    held.open();
    await ended;
    await started.worker.stop();
  }
});

test("a worker that cannot start leaves nothing behind that goes on", async () => {
  const beats: string[] = [];
  const refusing: typeof queue.connector = {
    ...queue.connector,
    pool: {
      query: (statement, values) => {
        if (statement.name === "beat_worker") beats.push(statement.name);
        if (statement.name === "list_paused_queues") throw new DatabaseError(statement.name, new Error("reset"));
        return queue.connector.pool.query(statement, values);
      },
    },
  };
  const app = createApp({ connector: refusing, tasks: [], logger: silentLogger });
  const { done } = startWorker(app, { heartbeatInterval: { milliseconds: 10 }, stalledAfter: { milliseconds: 100 } });
  await expect(done).rejects.toThrow("reset");
  expect((await queue.pool.query("select id from procrastinate_workers")).rows).toEqual([]);
  const { length } = beats;
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(beats).toHaveLength(length);
});

test("a stop ends although the server never answers to the listening connection", async () => {
  const silent = { ...queue.connector, listen: () => new Promise<never>(() => undefined) };
  const app = createApp({ connector: silent, tasks: [], logger: silentLogger });
  const { worker } = startWorker(app);
  await until(async () => (await queue.pool.query("select id from procrastinate_workers")).rowCount === 1);
  let stopped = false;
  void worker.stop().then(() => (stopped = true));
  await until(() => stopped, { timeoutMs: 5000 });
});
