import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { AlreadyEnqueuedError, defineTask, retryStrategy } from "../../src/index.ts";
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

const statuses = async (): Promise<string[]> => (await queue.jobs()).map(({ status }) => status);
const keys = async (): Promise<(string | null)[]> => (await queue.jobs()).map(({ queueingKey }) => queueingKey);

/** A task with the queueing lock "q" whose jobs wait for the test. */
function gated(retry: Parameters<typeof defineTask>[0]["retry"] = false) {
  const begun: bigint[] = [];
  const outcomes: { succeed(): void; fail(): void }[] = [];
  const task = defineTask({
    name: "t",
    queueingLock: "q",
    retry,
    run: (_args, { job }) =>
      new Promise<void>((resolve, reject) => {
        begun.push(job.id);
        outcomes.push({ succeed: resolve, fail: () => reject(new Error("as told")) });
      }),
  });
  return { begun, outcomes, task, app: queue.app([task]) };
}

test("one job waits; a second one is refused until the first has started, and then one more waits", async () => {
  const { begun, outcomes, task, app } = gated();
  const first = await app.defer(task);
  await expect(app.defer(task)).rejects.toThrow(AlreadyEnqueuedError);
  await using _worker = startWorker(app);
  await until(() => begun.length === 1);
  const second = await app.defer(task);
  await expect(app.defer(task)).rejects.toThrow(AlreadyEnqueuedError);
  expect(await keys()).toEqual([null, "q"]);
  outcomes[0]?.succeed();
  await until(() => begun.length === 2);
  outcomes[1]?.succeed();
  await until(async () => (await statuses()).every((status) => status === "succeeded"));
  expect(begun).toEqual([first, second]);
});

test("a scheduled job counts as waiting, and so does one that waits for its lock", async () => {
  const task = defineTask({ name: "t", run: () => 1 });
  const app = queue.app([task]);
  await app.defer(task, {}, { queueingLock: "later", scheduleIn: { hours: 1 } });
  await app.defer(task, {}, { lock: "l", scheduleIn: { hours: 1 } });
  await app.defer(task, {}, { queueingLock: "behind", lock: "l" });
  await runDueJobs(app, FAST);
  for (const queueingLock of ["later", "behind"]) {
    await expect(app.defer(task, {}, { queueingLock })).rejects.toThrow(AlreadyEnqueuedError);
  }
});

test("a retry takes its queueing lock again while nobody else has it", async () => {
  const { begun, outcomes, task, app } = gated(retryStrategy({ wait: { hours: 1 } }));
  await app.defer(task);
  await using _worker = startWorker(app);
  await until(() => begun.length === 1);
  expect(await keys()).toEqual([null]);
  outcomes[0]?.fail();
  await until(async () => (await statuses())[0] === "todo");
  expect(await keys()).toEqual(["q"]);
  await expect(app.defer(task)).rejects.toThrow(AlreadyEnqueuedError);
});

test("a retry whose queueing lock is taken waits beside its sibling; both end, and the key is free afterwards", async () => {
  const { begun, outcomes, task, app } = gated(1);
  const first = await app.defer(task);
  await using _worker = startWorker(app, { maxPrefetch: 0 });
  await until(() => begun.length === 1);
  const second = await app.defer(task);
  outcomes[0]?.fail();
  // Which of the two comes first depends on whether the retry is written before the free slot fetches.
  await until(() => begun.length === 2);
  outcomes[1]?.succeed();
  await until(() => begun.length === 3);
  outcomes[2]?.succeed();
  await until(async () => (await statuses()).every((status) => status === "succeeded"));
  expect(begun.filter((id) => id === first)).toHaveLength(2);
  expect(begun.filter((id) => id === second)).toHaveLength(1);
  // Not now: the worker might start it before it stops, and nobody would end it.
  await app.defer(task, {}, { scheduleIn: { hours: 1 } });
});

test("many jobs of one queueing lock that are put back in one moment all end", async () => {
  const ended = new Map<bigint, number>();
  const held = gate();
  const task = defineTask({
    name: "t",
    retry: 3,
    run: async (_args, { job, attempt }) => {
      await held.opened;
      ended.set(job.id, attempt);
      if (attempt < 3) throw new Error("again");
    },
  });
  const app = queue.app([task]);
  await using _worker = startWorker(app, { concurrency: 20 });
  for (let n = 1; n <= 10; n++) {
    await app.defer(task, {}, { queueingLock: "q" });
    await until(async () => (await statuses()).filter((status) => status === "doing").length === n);
  }
  held.open();
  await until(async () => (await statuses()).every((status) => status === "succeeded"));
  expect([...ended.values()]).toEqual(Array(10).fill(3));
  expect(await keys()).toEqual(Array(10).fill(null));
});

test("what a stop gives back takes its queueing lock again, unless it was taken meanwhile", async () => {
  const task = defineTask({
    name: "t",
    run: (_args, { signal }) => new Promise((_resolve, reject) => signal.addEventListener("abort", reject)),
  });
  const app = queue.app([task]);
  for (const queueingLock of ["a", "b"]) await app.defer(task, {}, { queueingLock });
  const { worker } = startWorker(app, { concurrency: 2, shutdownGrace: { milliseconds: 0 } });
  await until(async () => (await statuses()).every((status) => status === "doing"));
  await app.defer(task, {}, { queueingLock: "b", scheduleIn: { hours: 1 } });
  await worker.stop();
  expect(await keys()).toEqual(["a", null, "b"]);
  expect(await statuses()).toEqual(["todo", "todo", "todo"]);
});

test("callers who defer with one queueing lock at the same time, while it runs and fails, never have two waiting", async () => {
  let most = 0;
  const task = defineTask({
    name: "t",
    retry: 2,
    run: (_args, { attempt }) => attempt < 2 && Promise.reject(new Error()),
  });
  const app = queue.app([task]);
  await using _worker = startWorker(app, { concurrency: 3 });
  let deferred = 0;
  const caller = async (): Promise<void> => {
    for (let n = 0; n < 20; n++) {
      await app.defer(task, {}, { queueingLock: "q" }).then(
        () => deferred++,
        (error: unknown) => expect(error).toBeInstanceOf(AlreadyEnqueuedError),
      );
      const { rows } = await queue.pool.query(
        "select count(*)::int as n from procrastinate_jobs where status = 'todo' and attempts = 0",
      );
      most = Math.max(most, rows[0].n);
    }
  };
  await Promise.all([caller(), caller(), caller()]);
  expect(most).toBeLessThanOrEqual(1);
  await until(async () => (await statuses()).every((status) => status === "succeeded"));
  expect(await queue.jobs()).toHaveLength(deferred);
});
