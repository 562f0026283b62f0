import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { defineTask, InvalidOptionError, type WorkerOptions } from "../../src/index.ts";
import { spawnChild } from "../support/child.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { FAST, gate, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(async () => {
  await queue.clear();
  await queue.pool.query("delete from procrastinate_queues");
  ran.length = 0;
});
afterAll(() => queue.close());

const ran: string[] = [];
const task = defineTask({ name: "t", run: (_args, { job }) => ran.push(job.queue) });
const contract = defineTask<{ n: number }>({ name: "t" });
/** Polls once a minute, so that what happens sooner was notified. */
const SLEEPY: WorkerOptions = { pollingInterval: { seconds: 60 } };

test.each<[string, WorkerOptions]>([
  ["all queues", {}],
  ["some queues", { queues: ["a", "b"] }],
  ["very many queues", { queues: ["a", "b", ...Array.from({ length: 80 }, (_, n) => `q${n}`)] }],
])("a worker of %s starts no job of a queue that is paused, and runs those of the others", async (_what, options) => {
  const app = queue.app([task]);
  await app.queues.pause("a");
  for (const name of ["a", "b", "a", "b"]) await app.defer(task, {}, { queue: name });
  await app.defer(task, {}, { queue: "a", lock: "l" });
  await app.createWorker({ ...FAST, ...options, wait: false }).run();
  expect(ran).toEqual(["b", "b"]);
  expect((await queue.jobs()).filter(({ status }) => status === "todo")).toHaveLength(3);
  await app.queues.resume("a");
  await app.createWorker({ ...FAST, ...options, wait: false }).run();
  expect(ran.toSorted()).toEqual(["a", "a", "a", "b", "b"]);
});

test("a worker in another process obeys a pause, whether it is idle or busy, and goes on at once when it is over", async () => {
  const app = queue.app([contract]);
  const child = spawnChild(new URL("../support/queue-worker.ts", import.meta.url), {
    env: { DATABASE_URL: queue.url },
  });
  await child.waitForLine("idle");
  await app.queues.pause("a");
  await child.waitForLine("queue_paused");
  await app.defer(contract, { n: 1 }, { queue: "a" });
  await app.defer(contract, { n: 2 }, { queue: "b" });
  await child.waitForLine("ran 2 of b");
  expect(child.lines).not.toContain("ran 1 of a");
  await app.queues.resume("a");
  await child.waitForLine("queue_resumed");
  await child.waitForLine("ran 1 of a", { timeoutMs: 5000 });
  await app.batchDefer(
    contract,
    Array.from({ length: 2000 }, () => ({ n: -1 })),
    { queue: "a" },
  );
  const count = async (status: string) => (await queue.jobs()).filter((job) => job.status === status).length;
  await until(async () => (await count("succeeded")) > 20);
  await app.queues.pause("a");
  await until(
    async () => (await count("doing")) === 0 && child.lines.filter((line) => line === "queue_paused").length === 2,
  );
  const left = await count("todo");
  expect(left).toBeGreaterThan(0);
  await app.defer(contract, { n: 3 }, { queue: "b" });
  await child.waitForLine("ran 3 of b");
  expect(await count("todo")).toBe(left);
  expect(await child.kill("SIGTERM")).toEqual({ code: 0, signal: null });
});

test("what runs goes on; what a worker holds but has not started is given back", async () => {
  const held = gate();
  let isHeld = false;
  const slow = defineTask({
    name: "slow",
    lock: "one lock",
    run: async ({ n }: { n: number }) => {
      isHeld = n >= 20;
      if (isHeld) await held.opened;
      ran.push(`slow ${n}`);
    },
  });
  const app = queue.app([slow]);
  await app.batchDefer(
    slow,
    Array.from({ length: 200 }, (_, n) => ({ n })),
    { queue: "a" },
  );
  await using started = startWorker(app, SLEEPY);
  await until(() => isHeld);
  await app.queues.pause("a");
  await until(async () => (await queue.jobs()).filter(({ status }) => status === "doing").length === 1);
  held.open();
  await until(() => ran.length === 21);
  await until(async () => (await queue.jobs()).filter(({ status }) => status === "succeeded").length === 21);
  expect(started.worker.isHealthy).toBe(true);
  await app.queues.resume("a");
  await until(() => ran.length === 200);
  expect(ran).toEqual(Array.from({ length: 200 }, (_, n) => `slow ${n}`));
  await until(async () => (await queue.jobs()).every(({ status }) => status === "succeeded"));
  expect((await queue.jobs()).map(({ attempts }) => attempts)).toEqual(Array(200).fill(1));
});

test("a worker that cannot listen obeys within its polling interval", async () => {
  const app = queue.app([task]);
  await using started = startWorker(app, { listen: false, pollingInterval: { milliseconds: 20 } });
  const heard: string[] = [];
  started.worker.on("queue_paused", ({ queue: name }) => heard.push(name));
  await app.defer(task);
  await until(() => ran.length === 1);
  await app.queues.pause("default");
  await until(() => heard.length === 1);
  await app.defer(task);
  await app.defer(task, {}, { queue: "other" });
  await until(() => ran.length === 2);
  expect(ran).toEqual(["default", "other"]);
});

test("the head of a lock in a paused queue blocks the others of its lock", async () => {
  const app = queue.app([task]);
  await app.queues.pause("a");
  await app.defer(task, {}, { queue: "a", lock: "l" });
  await app.defer(task, {}, { queue: "b", lock: "l" });
  await app.createWorker({ ...FAST, wait: false }).run();
  expect(ran).toEqual([]);
  await app.queues.resume("a");
  await app.createWorker({ ...FAST, wait: false }).run();
  expect(ran).toEqual(["a", "b"]);
});

test("queues are listed with what waits and runs in them, and since when they are paused", async () => {
  const app = queue.app([task]);
  const before = Date.now();
  await app.defer(task, {}, { queue: "a" });
  await app.defer(task, {}, { queue: "a", scheduleIn: { hours: 1 } });
  await app.batchDefer(task, [{}, {}], { queue: "b", lock: "l" });
  await app.createWorker({ ...FAST, wait: false, queues: ["c"] }).run();
  await queue.pool.query("update procrastinate_jobs set ready = false where lock = 'l'");
  await queue.pool.query(
    "update procrastinate_jobs set status = 'doing' where id = (select max(id) from procrastinate_jobs)",
  );
  await app.queues.pause("é empty");
  const listed = await app.queues.list();
  expect(listed).toEqual([
    { name: "a", todo: 2, doing: 0, pausedAt: null },
    { name: "b", todo: 1, doing: 1, pausedAt: null },
    { name: "é empty", todo: 0, doing: 0, pausedAt: expect.any(Date) },
  ]);
  expect(Math.abs(Number(listed[2]?.pausedAt) - before)).toBeLessThan(60_000);
});

test("pausing and resuming say whether they changed anything, and keep the first time", async () => {
  const { queues } = queue.app([task]);
  expect([await queues.resume("a"), await queues.pause("a")]).toEqual([false, true]);
  const [first] = await queues.list();
  expect([await queues.pause("a"), await queues.list()]).toEqual([false, [first]]);
  expect([await queues.resume("a"), await queues.list()]).toEqual([true, []]);
});

test("a pause in a transaction takes effect when that commits", async () => {
  const app = queue.app([task]);
  await app.defer(task);
  const rolledBack = queue.transaction(async (tx) => {
    await app.queues.pause("default", { tx });
    expect(await app.queues.list({ tx })).toMatchObject([{ name: "default", pausedAt: expect.any(Date) }]);
    expect(await app.queues.list()).toMatchObject([{ name: "default", pausedAt: null }]);
    throw new Error("roll back");
  });
  await expect(rolledBack).rejects.toThrow("roll back");
  await app.createWorker({ ...FAST, wait: false }).run();
  expect(ran).toEqual(["default"]);
});

test("no queue of that name is refused before anything is written", async () => {
  const { queues } = queue.app([task]);
  for (const name of ["", "x".repeat(129), "\u0000"])
    await expect(queues.pause(name)).rejects.toThrow(InvalidOptionError);
  await expect(queues.pause("a", { transaction: 1 } as never)).rejects.toThrow(/tx/);
  expect(queue.sent).toEqual([]);
});

test("a worker asks which queues are paused when it starts and listens, and not while it fetches", async () => {
  const app = queue.app([task]);
  await app.batchDefer(
    task,
    Array.from({ length: 500 }, () => ({})),
  );
  await using _worker = startWorker(app);
  await until(() => ran.length === 500);
  expect(queue.sent.filter((name) => name === "list_paused_queues").length).toBeLessThanOrEqual(3);
});
