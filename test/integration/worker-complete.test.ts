import type { PoolClient } from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { defineTask, type JobContext } from "../../src/index.ts";
import { runDueJobs } from "../../src/testing/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { FAST, gate, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
  await queue.pool.query("create table effects (id int)");
});
beforeEach(async () => {
  await queue.clear();
  await queue.pool.query("delete from effects");
});
afterAll(() => queue.close());

const effects = async (): Promise<number> => (await queue.pool.query("select * from effects")).rowCount ?? 0;

/** A task whose handler writes and completes in one transaction, with something to happen in between. */
function effectTask(inside: (tx: PoolClient, context: JobContext) => Promise<unknown>, retry: number | false = false) {
  return defineTask({
    name: "effect",
    retry,
    run: (_args, context) =>
      queue.transaction(async (tx) => {
        await tx.query("insert into effects values (1)");
        await inside(tx, context);
      }),
  });
}

test("the handler's writes and the completion commit together, with a result", async () => {
  const task = effectTask((tx, context) => context.complete(tx, { total: 3 }));
  const app = queue.app([task]);
  await app.defer(task);
  const run = await runDueJobs(app, FAST);
  expect(run.succeeded).toHaveLength(1);
  expect((await queue.jobs())[0]).toMatchObject({ status: "succeeded", attempts: 1 });
  expect((await queue.pool.query("select result from procrastinate_jobs")).rows).toEqual([{ result: { total: 3 } }]);
  expect(await effects()).toBe(1);
});

test("what the handler throws after completing rolls both back, and the job is tried again", async () => {
  let tries = 0;
  const task = effectTask(async (tx, context) => {
    await context.complete(tx);
    if (tries++ === 0) throw new Error("after");
  }, 1);
  const app = queue.app([task]);
  await app.defer(task);
  await runDueJobs(app, FAST);
  expect((await queue.jobs())[0]).toMatchObject({ status: "succeeded", attempts: 2 });
  expect(await effects()).toBe(1);
});

test("a handler that hides that its transaction was rolled back has failed", async () => {
  const inner = effectTask(async (tx, context) => {
    await context.complete(tx);
    throw new Error("hidden");
  });
  const task = defineTask({
    name: "effect",
    run: (args, context) => Promise.resolve(inner.run?.(args as never, context as never)).catch(() => 1),
  });
  const app = queue.app([task]);
  await app.defer(task);
  const run = await runDueJobs(app, FAST);
  expect(run.failed).toMatchObject([{ error: { name: "CompletionRolledBackError" } }]);
  expect((await queue.jobs())[0]?.status).toBe("failed");
  expect(await effects()).toBe(0);
});

test("what the handler throws after its transaction committed changes nothing", async () => {
  const inner = effectTask((tx, context) => context.complete(tx), 3);
  const task = defineTask({
    name: "effect",
    lock: "l",
    retry: 3,
    run: async (args, context) => {
      await inner.run?.(args as never, context as never);
      throw new Error("too late");
    },
  });
  const app = queue.app([task, defineTask({ name: "next", lock: "l", run: () => 1 })]);
  await app.defer(task);
  await app.defer(app.getTask("next"));
  await runDueJobs(app, FAST);
  expect((await queue.jobs()).map(({ status }) => status)).toEqual(["succeeded", "succeeded"]);
  expect(await effects()).toBe(1);
});

test("a job that somebody else took cannot be completed, and the writes roll back", async () => {
  const begun = gate();
  const taken = gate();
  const task = effectTask(async (tx, context) => {
    begun.open();
    await taken.opened;
    await context.complete(tx);
  }, 5);
  const app = queue.app([task]);
  await app.defer(task);
  const lost: unknown[] = [];
  await using worker = startWorker(app);
  worker.worker.on("lease_lost", (event) => lost.push(event));
  await begun.opened;
  await queue.pool.query("update procrastinate_jobs set lease = lease + 1");
  taken.open();
  await until(() => lost.length === 1);
  expect(await effects()).toBe(0);
  expect((await queue.jobs())[0]).toMatchObject({ status: "doing", attempts: 0 });
});

test("a second completion says that there was a first, and the transaction rolls back", async () => {
  const task = effectTask(async (tx, context) => {
    await context.complete(tx);
    await context.complete(tx);
  });
  const app = queue.app([task]);
  await app.defer(task);
  const { failed } = await runDueJobs(app, FAST);
  expect(failed).toMatchObject([
    { error: { code: "lease_lost", message: expect.stringMatching(/called for it before/) } },
  ]);
  expect(await effects()).toBe(0);
});

test("a completed job is deleted where finished jobs are", async () => {
  const task = effectTask((tx, context) => context.complete(tx));
  const app = queue.app([task]);
  await app.defer(task);
  const run = await runDueJobs(app, { ...FAST, deleteJobs: "successful" });
  expect(run.succeeded).toHaveLength(1);
  expect(await queue.jobs()).toEqual([]);
  expect(await effects()).toBe(1);
});

test("a job that a handler defers in its transaction exists when that commits, and only then", async () => {
  const child = defineTask({ name: "child", run: () => 1 });
  const task = defineTask({
    name: "parent",
    run: ({ fail }: { fail: boolean }, context) =>
      queue.transaction(async (tx) => {
        await context.defer(child, {}, { tx });
        if (fail) throw new Error("no child");
      }),
  });
  const app = queue.app([task, child]);
  await app.batchDefer(task, [{ fail: true }, { fail: false }]);
  const run = await runDueJobs(app, FAST);
  expect(run.succeeded.map(({ taskName }) => taskName)).toEqual(["parent", "child"]);
  expect(run.failed).toHaveLength(1);
});

test("a lane waits for each completion to be committed before its next job starts", async () => {
  const order: string[] = [];
  let rolledBack = false;
  const task = defineTask({
    name: "effect",
    lock: "lane",
    retry: 2,
    run: ({ n }: { n: number }, context) =>
      queue
        .transaction(async (tx) => {
          order.push(`${n}`);
          await context.complete(tx);
          if (n === 30 && !rolledBack) {
            rolledBack = true;
            throw new Error("rolled back");
          }
        })
        .catch(() => undefined),
  });
  const app = queue.app([task]);
  await app.batchDefer(
    task,
    Array.from({ length: 60 }, (_, n) => ({ n })),
  );
  await runDueJobs(app, FAST);
  const expected = Array.from({ length: 60 }, (_, n) => `${n}`);
  expect(order).toEqual([...expected.slice(0, 31), ...expected.slice(30)]);
});
