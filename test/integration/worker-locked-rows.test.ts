import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { defineTask, type LogFields, retryStrategy, silentLogger, type WorkerEvent } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { gate, QUICK_RESCUE, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue({ max: 20 });
});
beforeEach(async () => {
  await queue.clear();
  await queue.pool.query("delete from procrastinate_workers");
});
afterAll(() => queue.close());

/** Keeps the rows of some jobs locked, as an open transaction of the app or somebody at a console does. */
async function lockRows(where: string): Promise<{ unlock(): Promise<void> }> {
  const client = await queue.pool.connect();
  await client.query("begin");
  await client.query(`select 1 from procrastinate_jobs where ${where} for update`);
  return {
    unlock: async () => {
      await client.query("rollback");
      client.release();
    },
  };
}

const statuses = async (): Promise<string[]> => (await queue.jobs()).map(({ task, status }) => `${task} ${status}`);

/** Tasks that end in every way once they are let. */
function endings() {
  const held = gate();
  const started: string[] = [];
  const make = (name: string, end: () => unknown, maxAttempts = 0) =>
    defineTask({
      name,
      // Not again while the test looks: a job that is retried at once is nearly always "doing".
      retry: retryStrategy({ maxAttempts, wait: { hours: 1 } }),
      run: async () => {
        started.push(name);
        await held.opened;
        return end();
      },
    });
  const fail = (): never => {
    throw new Error("as told");
  };
  const tasks = [make("succeeds", () => 1), make("fails", fail), make("retries", fail, 1)];
  return { held, started, tasks };
}

test.each(["succeeds", "fails", "retries"])(
  "while another transaction keeps the row of a running job that %s locked, the outcomes of all others are written",
  async (name) => {
    const { held, started, tasks } = endings();
    const quick = defineTask({ name: "quick", run: () => 1 });
    const app = queue.app([...tasks, quick]);
    for (const task of tasks) await app.defer(task);
    await using _worker = startWorker(app, { concurrency: 4, stalledAfter: { seconds: 60 } });
    await until(() => started.length === 3);
    const { unlock } = await lockRows(`task_name = '${name}'`);
    held.open();
    const others = tasks.filter((task) => task.name !== name).map((task) => task.name);
    await until(async () => !(await statuses()).some((status) => others.some((other) => status === `${other} doing`)));
    await app.batchDefer(quick, [{}, {}, {}]);
    await until(async () => (await statuses()).filter((status) => status === "quick succeeded").length === 3);
    expect(await statuses()).toContain(`${name} doing`);
    await unlock();
    await until(async () => !(await statuses()).includes(`${name} doing`));
  },
);

test("a job that is retried while its queueing lock is about to be taken waits beside its sibling, and holds up nobody", async () => {
  const { held, started, tasks } = endings();
  const app = queue.app(tasks);
  for (const task of tasks) await app.defer(task, {}, { queueingLock: task.name });
  await using running = startWorker(app, { concurrency: 3, stalledAfter: { seconds: 60 } });
  await until(() => started.length === 3);
  const client = await queue.pool.connect();
  await client.query("begin");
  await client.query(
    "insert into procrastinate_jobs (task_name, queueing_lock, queueing_key) values ('sibling', 'retries', 'retries')",
  );
  held.open();
  await until(async () => (await statuses()).filter((status) => status.endsWith(" doing")).length === 0);
  expect(started.length).toBe(3);
  await running.worker.stop();
  await client.query("commit");
  client.release();
  const keys = (await queue.jobs()).map(({ task, queueingKey }) => [task, queueingKey]);
  expect(keys).toContainEqual(["retries", null]);
  expect(keys).toContainEqual(["sibling", "retries"]);
});

test("an abort that is requested while a retry waits for the row ends the job", async () => {
  const { held, started, tasks } = endings();
  const app = queue.app(tasks);
  for (const task of tasks) await app.defer(task);
  await using _worker = startWorker(app, { concurrency: 3, stalledAfter: { seconds: 60 } });
  await until(() => started.length === 3);
  const client = await queue.pool.connect();
  await client.query("begin");
  await client.query("update procrastinate_jobs set abort_requested = true where task_name = 'retries'");
  held.open();
  await queue.untilBlocked();
  await client.query("commit");
  client.release();
  await until(async () => (await statuses()).includes("retries aborted"));
});

test("a stop ends although another transaction keeps the row of a job locked, and the job is left to the rescue", async () => {
  const { held, started, tasks } = endings();
  const errors: unknown[] = [];
  const logger = { ...silentLogger, error: ({ action }: LogFields) => errors.push(action) };
  const app = queue.app(tasks, { logger });
  for (const task of tasks) await app.defer(task);
  const { worker } = startWorker(app, { concurrency: 4, stalledAfter: { seconds: 60 } });
  await until(() => started.length === 3);
  const { unlock } = await lockRows("task_name = 'succeeds'");
  held.open();
  await worker.stop();
  expect(errors).toContain("completion_lost");
  expect(await statuses()).toContain("succeeds doing");
  // By its row the others find what it held.
  expect((await queue.pool.query("select 1 from procrastinate_workers")).rowCount).toBe(1);
  await unlock();
});

test("the next job of a lock whose row is locked meanwhile runs soon after it is free", async () => {
  const { held, started, tasks } = endings();
  const [task] = tasks;
  if (!task) throw new Error("no task");
  const next = defineTask({ name: "next", lock: "l", run: () => 1 });
  const app = queue.app([task, next]);
  await app.defer(task, {}, { lock: "l" });
  await using _worker = startWorker(app, { concurrency: 2 });
  await until(() => started.length === 1);
  await app.defer(next);
  await until(async () => (await queue.jobs())[1]?.ready === false);
  const { unlock } = await lockRows("task_name = 'next'");
  held.open();
  await until(async () => (await statuses()).includes("succeeds succeeded"));
  await until(() => queue.sent.includes("promote_locks"));
  await unlock();
  await until(async () => (await statuses()).includes("next succeeded"), { timeoutMs: 5000 });
});

test("a job whose row stays locked for long costs a worker no more with each look at it", async () => {
  const stacks: string[] = [];
  const connector: typeof queue.connector = {
    ...queue.connector,
    pool: {
      query: (statement, values) => {
        if (statement.name === "promote_locks") stacks.push(new Error("who waits for this look").stack ?? "");
        return queue.connector.pool.query(statement, values);
      },
    },
  };
  const begun = gate();
  const held = gate();
  const first = defineTask({
    name: "first",
    run: () => {
      begun.open();
      return held.opened;
    },
  });
  const next = defineTask({ name: "next", run: () => 1 });
  const app = queue.app([first, next], { connector });
  await app.defer(first, {}, { lock: "l" });
  await using _worker = startWorker(app, { concurrency: 2 });
  await begun.opened;
  await app.defer(next, {}, { lock: "l" });
  await until(async () => (await queue.jobs())[1]?.ready === false);
  const { unlock } = await lockRows("task_name = 'next'");
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 100;
  try {
    stacks.length = 0;
    held.open();
    await until(() => stacks.length >= 5);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    await unlock();
  }
  // With the one that waits for them all: each of these frames would stay for as long as the row is locked.
  const waiting = stacks.map((stack) => stack.split("#promote").length - 1);
  expect(Math.max(...waiting)).toBe(waiting[0]);
  expect(waiting[0]).toBeGreaterThan(0);
  await until(async () => (await statuses()).includes("next succeeded"));
});

test.each([
  ["commits", "succeeded", "job_success"],
  ["rolls back", "failed", "job_error"],
] as const)(
  "when a handler that was given up in the transaction that completes its job %s, the job has %s, and only then its lock is free",
  async (how, status, event) => {
    const held = gate();
    const order: string[] = [];
    const hanging = defineTask({
      name: "hanging",
      timeout: { milliseconds: 30 },
      lock: "l",
      run: (_args, context) =>
        queue.transaction(async (tx) => {
          await context.complete(tx);
          await held.opened;
          order.push("ended");
          if (how === "rolls back") throw new Error("rolled back");
        }),
    });
    const next = defineTask({ name: "next", lock: "l", run: () => order.push("next") });
    const quick = defineTask({ name: "quick", run: () => order.push("quick") });
    const app = queue.app([hanging, next, quick]);
    // Short jobs first, so that the next one of the lock is taken along.
    await app.batchDefer(
      quick,
      Array.from({ length: 20 }, () => ({})),
      { priority: 1 },
    );
    await app.defer(hanging);
    await app.batchDefer(next, [{}, {}]);
    const events: WorkerEvent[] = [];
    const started = startWorker(app, { ...QUICK_RESCUE, abandonAfter: { milliseconds: 30 } });
    await using second = startWorker(app, { ...QUICK_RESCUE, abandonAfter: { milliseconds: 30 } });
    for (const { worker } of [started, second]) {
      worker.on("job_abandoned", () => events.push("job_abandoned"));
      worker.on("job_success", ({ job }) => job.taskName === "hanging" && events.push("job_success"));
      worker.on("job_error", () => events.push("job_error"));
    }
    await until(() => order.includes("quick"));
    await until(async () =>
      (await queue.jobs()).some(({ task, status: now }) => task === "hanging" && now === "doing"),
    );
    // The others have time to do what they must not.
    await until(() => queue.sent.filter((name) => name === "list_stalled_workers").length >= 6);
    expect(order).not.toContain("next");
    held.open();
    await until(() => order.filter((name) => name === "next").length === 2);
    expect(order.indexOf("ended")).toBeLessThan(order.indexOf("next"));
    await until(async () => (await statuses()).includes(`hanging ${status}`));
    expect(events).toEqual(["job_abandoned", event]);
    await started.worker.stop();
  },
);
