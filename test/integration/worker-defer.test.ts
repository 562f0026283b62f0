import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { AlreadyEnqueuedError, defineTask, InvalidArgsError } from "../../src/index.ts";
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

const child = defineTask({ name: "child", run: (_args: { n?: number }) => undefined });
const left = async (): Promise<string[]> => (await queue.jobs()).map(({ task, status }) => `${task} ${status}`);

test("a child that is deferred without a transaction stays, although its parent then fails", async () => {
  const parent = defineTask({
    name: "parent",
    run: async (_args, context) => {
      await context.defer(child, { n: 1 });
      throw new Error("after");
    },
  });
  const app = queue.app([parent, child]);
  await app.defer(parent);
  await runDueJobs(app, FAST);
  expect(await left()).toEqual(["parent failed", "child succeeded"]);
});

test("effects, children and the completion of a handler are one commit", async () => {
  await queue.pool.query("create table orders (n int)");
  const parent = defineTask({
    name: "parent",
    retry: 1,
    run: ({ n }: { n: number }, context) =>
      queue.transaction(async (tx) => {
        await tx.query("insert into orders values ($1)", [n]);
        await context.defer(child, { n }, { tx, priority: 5 });
        await context.batchDefer(child, [{ n }, { n }], { tx, queue: "other" });
        await context.complete(tx);
        if (n === 0 || context.attempt === 1) throw new Error("roll back");
      }),
  });
  const app = queue.app([parent, child]);
  await app.batchDefer(parent, [{ n: 0 }, { n: 1 }]);
  await runDueJobs(app, FAST);
  expect(await left()).toEqual(["parent failed", "parent succeeded", ...Array(3).fill("child succeeded")]);
  expect((await queue.jobs()).slice(2).map(({ args, priority, queue: name }) => [args, priority, name])).toEqual([
    [{ n: 1 }, 5, "default"],
    [{ n: 1 }, 0, "other"],
    [{ n: 1 }, 0, "other"],
  ]);
  expect((await queue.pool.query("select n from orders")).rows).toEqual([{ n: 1 }]);
});

test("a child runs only after its parent's transaction has committed", async () => {
  const commit = gate();
  const ran: string[] = [];
  const noting = defineTask({ name: "noting", run: () => ran.push("child") });
  const parent = defineTask({
    name: "parent",
    run: (_args, context) =>
      queue.transaction(async (tx) => {
        await context.defer(noting, {}, { tx });
        ran.push("deferred");
        await commit.opened;
        ran.push("commit");
      }),
  });
  const app = queue.app([parent, noting]);
  await app.defer(parent);
  await using _worker = startWorker(app, { concurrency: 5, pollingInterval: { milliseconds: 10 } });
  await until(() => ran.length === 1);
  // Looked for again and again meanwhile.
  const fetches = (): number => queue.sent.filter((name) => /fetch|list_ready/.test(name)).length;
  const before = fetches();
  await until(() => fetches() > before + 5);
  commit.open();
  await until(() => ran.length === 3);
  expect(ran).toEqual(["deferred", "commit", "child"]);
});

test("a conflict of queueing locks inside a handler leaves its transaction usable", async () => {
  const parent = defineTask({
    name: "parent",
    run: (_args, context) =>
      queue.transaction(async (tx) => {
        const options = { tx, queueingLock: "q", scheduleIn: { hours: 1 } };
        const first = await context.defer(child, { n: 1 }, options);
        await expect(context.defer(child, { n: 2 }, options)).rejects.toThrow(AlreadyEnqueuedError);
        expect(await context.defer(child, { n: 3 }, { ...options, onConflict: "replace" })).toBe(first);
        await context.complete(tx);
      }),
  });
  const app = queue.app([parent, child]);
  await app.defer(parent);
  await runDueJobs(app, FAST);
  expect(await left()).toEqual(["parent succeeded", "child todo"]);
  expect((await queue.jobs())[1]?.args).toEqual({ n: 3 });
});

test("a job can defer its own successor under its own lock and queueing lock, for ever", async () => {
  const runs: number[] = [];
  const task = defineTask({
    name: "chain",
    lock: "l",
    queueingLock: "q",
    run: async ({ n }: { n: number }, context): Promise<void> => {
      runs.push(n);
      if (n < 50) await context.defer(task, { n: n + 1 });
    },
  });
  const app = queue.app([task]);
  await app.defer(task, { n: 1 });
  await using _worker = startWorker(app, { concurrency: 3, pollingInterval: { seconds: 60 } });
  await until(() => runs.length === 50);
  expect(runs).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
});

test("a handler that defers nonsense fails, and nothing of it is written", async () => {
  const parent = defineTask({
    name: "parent",
    run: (_args, context) => context.batchDefer(child, [{ n: 1 }, { n: 10n as unknown as number }]),
  });
  const app = queue.app([parent, child]);
  await app.defer(parent);
  const { failed } = await runDueJobs(app, FAST);
  expect(failed[0]?.error).toBeInstanceOf(InvalidArgsError);
  expect(await left()).toEqual(["parent failed"]);
});
