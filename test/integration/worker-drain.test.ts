import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { defineTask } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { FAST, gate, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue({ max: 20 });
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

const tick = () => new Promise<void>((resolve) => setImmediate(resolve));
const statuses = async (): Promise<Set<string>> => new Set((await queue.jobs()).map(({ status }) => status));

test.each([
  [1, 0],
  [1, 1000],
  [10, 0],
  [10, 1000],
])(
  "wait: false works off a tree of children of children, with %i slots and maxPrefetch %i",
  async (concurrency, maxPrefetch) => {
    const task = defineTask({
      name: "t",
      run: async ({ depth }: { depth: number }, context): Promise<void> => {
        await tick();
        if (depth === 0) return;
        await context.defer(task, { depth: depth - 1 });
        await context.batchDefer(task, [{ depth: depth - 1 }], { lock: "one" });
      },
    });
    const app = queue.app([task]);
    await app.defer(task, { depth: 6 });
    await app.createWorker({ ...FAST, concurrency, maxPrefetch, wait: false }).run();
    expect(await queue.jobs()).toHaveLength(2 ** 7 - 1);
    expect(await statuses()).toEqual(new Set(["succeeded"]));
  },
);

test.each([1, 10])(
  "wait: false works off immediate retries and the followers of locks, with %i slots",
  async (concurrency) => {
    const task = defineTask({
      name: "t",
      retry: 3,
      run: async (_args: { n: number }, { attempt }) => {
        await tick();
        if (attempt < 4) throw new Error("again");
      },
    });
    const app = queue.app([task]);
    for (let n = 0; n < 30; n++) await app.defer(task, { n }, { lock: n % 2 === 0 ? `l${n % 3}` : null });
    await app.createWorker({ ...FAST, concurrency, wait: false }).run();
    expect((await queue.jobs()).map(({ status, attempts }) => [status, attempts])).toEqual(
      Array(30).fill(["succeeded", 4]),
    );
  },
);

test("wait: false waits neither for scheduled jobs nor for locks that others hold, nor for other queues", async () => {
  const held = gate();
  const ran: string[] = [];
  const task = defineTask({
    name: "t",
    run: async ({ name }: { name: string }) => {
      ran.push(name);
      if (name === "holds") await held.opened;
    },
  });
  const app = queue.app([task]);
  await app.defer(task, { name: "holds" }, { lock: "l", queue: "theirs" });
  await using _other = startWorker(app, { queues: ["theirs"] });
  await until(() => ran.length === 1);
  await app.defer(task, { name: "waits" }, { lock: "l" });
  await app.defer(task, { name: "later" }, { scheduleIn: { hours: 1 } });
  await app.defer(task, { name: "now" });
  await app.createWorker({ ...FAST, queues: ["default"], concurrency: 3, wait: false }).run();
  expect(ran).toEqual(["holds", "now"]);
  held.open();
});

test("wait: false waits for a long job while the other slots have nothing to do, and takes what it defers at its end", async () => {
  const held = gate();
  const ran: string[] = [];
  const child = defineTask({ name: "child", run: () => ran.push("child") });
  const parent = defineTask({
    name: "parent",
    run: async (_args, context) => {
      await held.opened;
      // Before the defer: an idle slot may have run the child by the time that it resolves.
      ran.push("parent");
      await context.defer(child);
    },
  });
  const app = queue.app([parent, child]);
  await app.defer(parent);
  const { done } = startWorker(app, { concurrency: 5, wait: false });
  // It looked once more and found nothing, while the parent runs.
  await until(() => queue.sent.filter((name) => name === "list_ready_queues").length >= 2);
  held.open();
  await done;
  expect(ran).toEqual(["parent", "child"]);
});

test("two workers with wait: false leave nothing between them", async () => {
  const task = defineTask({
    name: "t",
    run: async ({ left }: { left: number }, context): Promise<void> => {
      await tick();
      if (left > 0) await context.defer(task, { left: left - 1 }, { lock: `l${left % 3}` });
    },
  });
  const app = queue.app([task]);
  await app.batchDefer(
    task,
    Array.from({ length: 20 }, () => ({ left: 10 })),
  );
  await Promise.all([1, 2].map(() => app.createWorker({ ...FAST, concurrency: 4, wait: false }).run()));
  expect(await queue.jobs()).toHaveLength(20 * 11);
  expect(await statuses()).toEqual(new Set(["succeeded"]));
});

test("a worker with wait: false and no job at all ends at once", async () => {
  const app = queue.app([defineTask({ name: "t", run: () => 1 })]);
  await app.createWorker({ ...FAST, wait: false }).run();
  expect(queue.sent.filter((name) => name === "list_ready_queues").length).toBeLessThan(4);
});
