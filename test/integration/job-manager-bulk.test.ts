import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { defineTask, type JobFilter } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(async () => {
  await queue.clear();
  await queue.pool.query("delete from procrastinate_events");
});
afterAll(() => queue.close());

const task = defineTask({ name: "t", run: ({ n }: { n: number }) => n });
const fail = defineTask<{ n: number }>({ name: "unknown" });

const statuses = async (): Promise<string[]> => (await queue.jobs()).map(({ status }) => status);
const numbers = (count: number) => Array.from({ length: count }, (_none, n) => ({ n }));
/** Ends jobs of a task that the app does not have: as failed. */
const drain = () => queue.app([task]).createWorker({ wait: false, installSignalHandlers: false }).run();
const events = async (type: string): Promise<number> =>
  (await queue.pool.query("select 1 from procrastinate_events where type::text = $1", [type])).rowCount ?? 0;

describe("cancelMany", () => {
  test("cancels what matches and waits, batch by batch, and says how far it is", async () => {
    const app = queue.app([task]);
    await app.batchDefer(task, numbers(25), { queue: "a" });
    await app.batchDefer(task, numbers(3), { queue: "b" });
    await queue.pool.query(
      "update procrastinate_jobs set status = 'doing' where args ->> 'n' = '1' and queue_name = 'a'",
    );
    const done: number[] = [];
    const onProgress = (n: number) => void done.push(n);
    queue.sent.length = 0;
    const counts = await app.jobs.cancelMany({ queue: "a" }, { batchSize: 10, onProgress });
    expect(counts).toEqual({ cancelled: 24, deleted: 0, abortRequested: 0 });
    expect(done).toEqual([10, 20, 24]);
    expect(queue.sent).toEqual(["cancel_jobs", "cancel_jobs", "cancel_jobs"]);
    expect(await app.jobs.count({ queue: "a" })).toMatchObject({ cancelled: 24, doing: 1 });
    expect(await app.jobs.count({ queue: "b" })).toMatchObject({ todo: 3 });
    expect(await events("cancelled")).toBe(24);
  });

  test("asks those that run to stop, once each, and deletes those that wait, where that is wanted", async () => {
    const app = queue.app([task]);
    await app.batchDefer(task, numbers(4));
    await queue.pool.query("update procrastinate_jobs set status = 'doing' where args ->> 'n' < '2'");
    const options = { abort: true, delete: true };
    expect(await app.jobs.cancelMany("all", options)).toEqual({ cancelled: 0, deleted: 2, abortRequested: 2 });
    expect(await app.jobs.cancelMany("all", options)).toEqual({ cancelled: 0, deleted: 0, abortRequested: 2 });
    expect(await events("abort_requested")).toBe(2);
    expect(await statuses()).toEqual(["doing", "doing"]);
  });

  test("takes any number of ids, in any order, each once", async () => {
    const app = queue.app([task]);
    const ids = await app.batchDefer(task, numbers(12));
    const left = ids.pop();
    const id = [...ids.toReversed(), ...ids, 999_999n];
    const done: number[] = [];
    const onProgress = (n: number) => void done.push(n);
    expect(await app.jobs.cancelMany({ id }, { batchSize: 5, onProgress })).toMatchObject({ cancelled: 11 });
    expect(done).toEqual([4, 8, 11]);
    expect((await app.jobs.get(left ?? 0n)).status).toBe("todo");
    expect(await app.jobs.deleteMany({ id }, { batchSize: 1 })).toBe(11);
  });

  test("is one change with the caller's transaction", async () => {
    const app = queue.app([task]);
    await app.batchDefer(task, numbers(5));
    const failing = queue.transaction(async (tx) => {
      expect(await app.jobs.cancelMany({ task: "t" }, { tx, batchSize: 2 })).toMatchObject({ cancelled: 5 });
      throw new Error("over");
    });
    await expect(failing).rejects.toThrow("over");
    expect(await statuses()).toEqual(Array.from({ length: 5 }, () => "todo"));
  });

  test("leaves alone what matches no longer when its turn comes", async () => {
    const app = queue.app([task]);
    const [first, second] = await app.batchDefer(task, numbers(2), { queue: "a" });
    const other = await queue.pool.connect();
    await other.query("begin");
    await other.query("update procrastinate_jobs set queue_name = 'b' where id = $1", [first]);
    const cancelling = app.jobs.cancelMany({ queue: "a" });
    await queue.untilBlocked();
    await other.query("commit");
    other.release();
    expect(await cancelling).toMatchObject({ cancelled: 1 });
    expect((await app.jobs.get(first ?? 0n)).status).toBe("todo");
    expect((await app.jobs.get(second ?? 0n)).status).toBe("cancelled");
  });
});

describe("retryMany", () => {
  test("retries what has failed, was aborted or cancelled", async () => {
    const app = queue.app([task]);
    await app.batchDefer(task, numbers(5));
    await drain();
    await queue.pool.query(`update procrastinate_jobs set status = (case args ->> 'n' when '0' then 'failed' when '1' then 'aborted'
      when '2' then 'cancelled' else 'succeeded' end)::procrastinate_job_status`);
    expect(await app.jobs.retryMany("all", { priority: 3, batchSize: 2 })).toEqual({ retried: 3, alreadyEnqueued: 0 });
    expect(await statuses()).toEqual(["todo", "todo", "todo", "succeeded", "succeeded"]);
    expect((await queue.jobs()).map(({ priority }) => priority)).toEqual([3, 3, 3, 0, 0]);
    expect(await events("retried")).toBe(3);
    await drain();
    expect(await statuses()).toEqual(Array.from({ length: 5 }, () => "succeeded"));
  });

  test.each([true, false])(
    "lets one job wait for each queueing lock, and says how many others it left (in a transaction: %s)",
    async (inTransaction) => {
      const app = queue.app([task, fail]);
      for (const key of ["k", "k", "k", "m", "taken"]) {
        await app.defer(fail, { n: 1 }, { queueingLock: key });
        await drain();
      }
      await app.batchDefer(fail, numbers(2));
      await drain();
      await app.defer(task, { n: 2 }, { queueingLock: "taken", scheduleIn: { hours: 1 } });
      for (const batchSize of [2, 10]) {
        await queue.transaction(async (tx) => {
          const counts = await app.jobs.retryMany({ task: "unknown" }, { batchSize, ...(inTransaction ? { tx } : {}) });
          expect(counts).toEqual({ retried: 4, alreadyEnqueued: 3 });
          await tx.query("rollback");
          await tx.query("begin");
        });
        if (!inTransaction) break;
      }
      const waiting = (await queue.jobs()).filter(({ status }) => status === "todo");
      expect(waiting.map(({ queueingKey }) => queueingKey)).toEqual(
        inTransaction ? ["taken"] : ["k", "m", null, null, "taken"],
      );
    },
  );
});

describe("deleteMany", () => {
  test("deletes what does not run, with its history", async () => {
    const app = queue.app([task, fail]);
    await app.batchDefer(fail, numbers(6));
    await drain();
    await app.defer(task, { n: 1 });
    await queue.pool.query(
      "update procrastinate_jobs set status = 'doing', finished_at = null where args ->> 'n' = '5'",
    );
    expect(await app.jobs.deleteMany({ task: "unknown" }, { batchSize: 2 })).toBe(5);
    expect(await statuses()).toEqual(["doing", "todo"]);
    expect(await events("failed")).toBe(1);
    expect(await app.jobs.deleteMany("all")).toBe(1);
    expect(await statuses()).toEqual(["doing"]);
  });

  test.each<[string, JobFilter]>([
    ["is empty", {}],
    ["has arguments that all jobs contain", { args: {} }],
    ["has a field that is undefined", { queue: undefined, status: "todo" }],
  ])("refuses a filter that %s, as all other bulk changes do", async (_what, filter) => {
    const { jobs } = queue.app([task]);
    await queue.app([task]).defer(task, { n: 1 });
    for (const change of [jobs.deleteMany, jobs.cancelMany, jobs.retryMany] as const) {
      await expect(change(filter)).rejects.toThrow(/Pass "all" if all are meant|leave it out if that is meant/);
    }
    await expect(jobs.deleteMany(undefined as never)).rejects.toThrow(/not an object/);
    await expect(jobs.deleteMany("All" as never)).rejects.toThrow(/not an object/);
    expect(await statuses()).toEqual(["todo"]);
  });
});

test("two bulk changes of the same jobs do all of them once, in whatever order they meet", async () => {
  const app = queue.app([task]);
  await app.batchDefer(task, numbers(300), { lock: "l" });
  const counts = await Promise.all([1, 2, 3].map(() => app.jobs.cancelMany("all", { batchSize: 20 })));
  expect(counts.reduce((sum, { cancelled }) => sum + cancelled, 0)).toBe(300);
  expect(await events("cancelled")).toBe(300);
});
