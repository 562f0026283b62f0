import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defineTask, InvalidOptionError, type JobFilter, type JobOrder, type StoredJob } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";

const task = defineTask({ name: "t", run: ({ n }: { n: number }) => n });
const other = defineTask({ name: "other" });

let queue: TestQueue;
/** Ten jobs that differ in all that can be asked for. */
beforeAll(async () => {
  queue = await openTestQueue();
  const app = queue.app([task, other]);
  for (let n = 0; n < 8; n++) await app.defer(task, { n }, { queue: n < 4 ? "a" : "b", priority: n % 3 });
  await app.defer(other, {}, { lock: "l", queueingLock: "k" });
  await app.defer(other, {}, { lock: "m", scheduleAt: "2100-01-01T00:00:00Z" });
  await queue.pool.query(
    `update procrastinate_jobs set deferred_at = '2030-01-01T00:00:00Z'::timestamptz + id * interval '1 hour'`,
  );
  await queue.pool.query(`update procrastinate_jobs set status = 'failed', worker_id = 7, started_at = '2030-02-01T00:00:00Z',
    finished_at = '2030-02-01T00:00:00Z'::timestamptz - id * interval '1 hour' where id in (2, 3)`);
  await queue.pool.query(
    `update procrastinate_jobs set status = 'doing', worker_id = 8, started_at = '2030-02-02T00:00:00Z' where id = 5`,
  );
});
afterAll(() => queue.close());

const ids = (jobs: readonly StoredJob[]): number[] => jobs.map(({ id }) => Number(id));

describe("a list", () => {
  test.each<[string, JobFilter, number[]]>([
    ["of all", {}, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
    ["by id", { id: 4n }, [4]],
    ["by ids, also of none", { id: [4n, 2n, 99n] }, [2, 4]],
    ["by an empty list", { id: [] }, []],
    ["by state", { status: "failed" }, [2, 3]],
    ["by states", { status: ["failed", "doing"] }, [2, 3, 5]],
    ["by queue", { queue: "a" }, [1, 2, 3, 4]],
    ["by queues and task", { queue: ["a", "default"], task: "other" }, [9, 10]],
    ["by lock", { lock: ["l", "m"] }, [9, 10]],
    ["by queueing lock", { queueingLock: "k" }, [9]],
    ["by worker", { workerId: 7n }, [2, 3]],
    ["by arguments", { args: { n: 6 } }, [7]],
    [
      "by the time of deferring, from and until",
      { deferredAfter: "2030-01-01T03:00:00Z", deferredBefore: "2030-01-01T05:00:00Z" },
      [3, 4],
    ],
    ["by schedule", { scheduledAfter: new Date("2099-12-31T00:00:00Z") }, [10]],
    ["by schedule, which most have none of", { scheduledBefore: "2099-01-01T00:00:00Z" }, []],
    ["by start", { startedAfter: "2030-02-02T00:00:00Z" }, [5]],
    ["by end", { finishedBefore: "2030-01-31T22:00:00Z" }, [3]],
    ["by quotes that are none", { queue: `a' or '1'='1` }, []],
    ["by undefined fields, which ask for nothing", { queue: undefined, lock: "l" }, [9]],
  ])("%s", async (_how, filter, expected) => {
    const { jobs } = queue.app([]);
    expect(ids((await jobs.list(filter)).jobs)).toEqual(expected);
    expect((await jobs.count(filter)).total).toBe(expected.length);
  });

  test.each<[JobOrder, "asc" | "desc", number[]]>([
    ["id", "desc", [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]],
    ["priority", "desc", [6, 3, 8, 5, 2, 10, 9, 7, 4, 1]],
    ["priority", "asc", [1, 4, 7, 9, 10, 2, 5, 8, 3, 6]],
    ["scheduledAt", "asc", [10, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ["startedAt", "desc", [5, 3, 2, 10, 9, 8, 7, 6, 4, 1]],
    ["finishedAt", "asc", [3, 2, 1, 4, 5, 6, 7, 8, 9, 10]],
    ["finishedAt", "desc", [2, 3, 10, 9, 8, 7, 6, 5, 4, 1]],
  ])("by %s %s, in pages of any size", async (orderBy, order, expected) => {
    const { jobs } = queue.app([]);
    for (const limit of [1, 3, 10, 1000]) {
      const found: number[] = [];
      let pages = 0;
      for (let cursor: string | undefined, next = true; next; next = cursor !== undefined) {
        const page = await jobs.list({}, { orderBy, order, limit, cursor });
        found.push(...ids(page.jobs));
        cursor = page.nextCursor;
        pages++;
      }
      expect(found).toEqual(expected);
      expect(pages).toBe(Math.ceil(10 / limit));
    }
  });

  test("goes on behind the last job, whatever came and went meanwhile", async () => {
    const { jobs } = queue.app([]);
    const { nextCursor } = await jobs.list({}, { limit: 3 });
    await queue.transaction(async (tx) => {
      await tx.query("delete from procrastinate_jobs where id <= 4");
      const page = await jobs.list({}, { limit: 3, cursor: nextCursor, tx });
      expect(ids(page.jobs)).toEqual([5, 6, 7]);
      await tx.query("rollback");
      await tx.query("begin");
    });
  });

  test("ends a page early before the text of its jobs gets too long", async () => {
    const { jobs } = queue.app([]);
    await queue.transaction(async (tx) => {
      await tx.query(`insert into procrastinate_jobs (task_name, args)
        select 'large', jsonb_build_object('text', repeat('x', size)) from (values (17000000), (1)) x(size)`);
      const first = await jobs.list({ task: "large" }, { tx });
      expect(first.jobs).toHaveLength(1);
      const second = await jobs.list({ task: "large" }, { tx, cursor: first.nextCursor });
      expect(second).toMatchObject({ jobs: [{ args: { text: "x" } }], nextCursor: undefined });
      await tx.query("rollback");
      await tx.query("begin");
    });
  });

  test.each<[string, object, object, RegExp]>([
    ["an unknown field", { state: "todo" }, {}, /filter\.state/],
    ["an unknown state", { status: "done" }, {}, /status: "done" is not one of todo/],
    ["an id that is a number", { id: 1 }, {}, /id: 1 is not an id/],
    ["a queue that is none", { queue: 1 }, {}, /queue: 1 is not a string/],
    ["a time without its offset", { finishedAfter: "2030-01-01" }, {}, /finishedAfter: .*offset/],
    ["arguments that are no object", { args: [1] }, {}, /args: an array is not an object/],
    ["an unknown option", {}, { max: 1 }, /list\.max/],
    ["a limit of 0", {}, { limit: 0 }, /limit: 0 is not a whole number from 1 to 1000/],
    ["an order by anything", {}, { orderBy: "args" }, /orderBy: "args" is not one of id/],
    ["a direction that is none", {}, { order: "up" }, /order: "up"/],
    ["a cursor that is none", {}, { cursor: "abc" }, /cursor: "abc" is not a nextCursor/],
    ["a transaction that is none", {}, { tx: "tx" }, /tx: "tx" is not a transaction/],
  ])("refuses %s", async (_what, filter, options, message) => {
    const refused = queue.app([]).jobs.list(filter, options);
    await expect(refused).rejects.toThrow(InvalidOptionError);
    await expect(refused).rejects.toThrow(message);
  });

  test("refuses the cursor of a list in another order", async () => {
    const { jobs } = queue.app([]);
    const { nextCursor } = await jobs.list({}, { limit: 1 });
    await expect(jobs.list({}, { cursor: nextCursor, order: "desc" })).rejects.toThrow(/of a list by id asc/);
  });
});

describe("counts", () => {
  const none = { total: 0, todo: 0, doing: 0, succeeded: 0, failed: 0, cancelled: 0, aborted: 0 };

  test("by state", async () => {
    expect(await queue.app([]).jobs.count()).toEqual({ ...none, total: 10, todo: 7, doing: 1, failed: 2 });
    expect(await queue.app([]).jobs.count({ queue: "nowhere" })).toEqual(none);
  });

  test("by queue, task and lock, in the order of their names", async () => {
    const { jobs } = queue.app([]);
    expect(await jobs.countBy("queue")).toEqual([
      { ...none, name: "a", total: 4, todo: 2, failed: 2 },
      { ...none, name: "b", total: 4, todo: 3, doing: 1 },
      { ...none, name: "default", total: 2, todo: 2 },
    ]);
    expect(await jobs.countBy("task", { status: "todo" })).toEqual([
      { ...none, name: "other", total: 2, todo: 2 },
      { ...none, name: "t", total: 5, todo: 5 },
    ]);
    expect(await jobs.countBy("lock", {}, { limit: 1, after: "l" })).toEqual([
      { ...none, name: "m", total: 1, todo: 1 },
    ]);
    await expect(jobs.countBy("status" as never)).rejects.toThrow(/group: "status" is not one of queue, task, lock/);
  });
});
