import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { AlreadyEnqueuedError } from "../../src/errors.ts";
import type { OnConflict } from "../../src/task/deferrer.ts";
import { defineTask } from "../../src/task/define-task.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";

let queue: TestQueue;

beforeAll(async () => {
  queue = await openTestQueue();
  await queue.pool.query("create table orders (id int primary key)");
});
afterAll(() => queue.close());
beforeEach(() => queue.clear());

const task = defineTask<{ n?: number }>({ name: "sample" });
const other = defineTask<{ n?: number }>({ name: "other", queue: "elsewhere", priority: 3, lock: "busy" });

/** Brings the waiting job to another state by hand: what a worker makes of it. */
async function become(id: bigint, status: string): Promise<void> {
  const finished = status === "doing" ? "null" : "now()";
  const set = `status = $2::procrastinate_job_status, queueing_key = null, finished_at = ${finished}`;
  await queue.pool.query(`update procrastinate_jobs set ${set} where id = $1`, [id, status]);
}

describe("a job whose queueing lock is taken", () => {
  test("is refused with the lock and what to do", async () => {
    const app = queue.app([task]);
    const id = await app.defer(task, { n: 1 }, { queueingLock: "a" });
    const failure = app.defer(task, { n: 2 }, { queueingLock: "a" });
    await expect(failure).rejects.toThrow(AlreadyEnqueuedError);
    await expect(failure).rejects.toMatchObject({ code: "already_enqueued", queueingLock: "a" });
    await expect(failure).rejects.toThrow(
      'A job with the queueing lock "a" is waiting already. Catch this error, or pass onConflict: "ignore" or "replace" to get the id of the waiting job.',
    );
    expect(await queue.jobs()).toMatchObject([{ id, args: { n: 1 } }]);
  });

  test("is refused whatever its task, queue, lock or schedule is", async () => {
    const app = queue.app([task, other]);
    await app.defer(task, {}, { queueingLock: "a", scheduleIn: { days: 1 } });
    await expect(app.defer(other, {}, { queueingLock: "a" })).rejects.toThrow(AlreadyEnqueuedError);
    expect(await queue.jobs()).toHaveLength(1);
  });

  test("is taken beside jobs with other locks or none, however alike", async () => {
    const app = queue.app([task]);
    for (const queueingLock of ["a", "A", "a ", " a", "", "á", "a\u0301", null])
      await app.defer(task, {}, { queueingLock });
    await app.defer(task, {}, { queueingLock: null, lock: "a" });
    expect(await queue.jobs()).toHaveLength(9);
  });

  test.each(["doing", "succeeded", "failed", "cancelled", "aborted"])(
    "is taken once the other job no longer waits: it is %s",
    async (status) => {
      const app = queue.app([task]);
      const first = await app.defer(task, {}, { queueingLock: "a" });
      await become(first, status);
      for (const onConflict of ["throw", "ignore", "replace"] as const) {
        const id = await app.defer(task, {}, { queueingLock: "a", onConflict });
        expect(id).toBeGreaterThan(first);
        await become(id, status);
      }
      expect(await queue.jobs()).toHaveLength(4);
    },
  );

  test.each<OnConflict>(["throw", "ignore", "replace"])(
    "leaves the caller's transaction usable, so that what is written after it is committed: %s",
    async (onConflict) => {
      const app = queue.app([task]);
      const first = await app.defer(task, { n: 1 }, { queueingLock: "a" });
      await queue.pool.query("delete from orders");
      const outcome = await queue.transaction(async (tx) => {
        await tx.query("insert into orders values (1)");
        const settled = await app
          .defer(task, { n: 2 }, { tx, queueingLock: "a", onConflict })
          .catch((error) => error.code);
        await tx.query("insert into orders values (2)");
        await app.defer(task, { n: 3 }, { tx });
        return settled;
      });
      expect(outcome).toBe(onConflict === "throw" ? "already_enqueued" : first);
      expect((await queue.pool.query("select id from orders order by id")).rows).toEqual([{ id: 1 }, { id: 2 }]);
      const rows = (await queue.jobs()).map((job) => [job.queueingKey, job.args]);
      expect(rows).toEqual([
        ["a", { n: onConflict === "replace" ? 2 : 1 }],
        [null, { n: 3 }],
      ]);
    },
  );

  test("sees a job that its own transaction deferred before", async () => {
    const app = queue.app([task]);
    await queue.transaction(async (tx) => {
      const id = await app.defer(task, { n: 1 }, { tx, queueingLock: "a" });
      await expect(app.defer(task, { n: 2 }, { tx, queueingLock: "a" })).rejects.toThrow(AlreadyEnqueuedError);
      expect(await app.defer(task, { n: 3 }, { tx, queueingLock: "a", onConflict: "ignore" })).toBe(id);
      expect(await app.defer(task, { n: 4 }, { tx, queueingLock: "a", onConflict: "replace" })).toBe(id);
    });
    expect(await queue.jobs()).toMatchObject([{ args: { n: 4 } }]);
  });
});

describe("onConflict", () => {
  test("means nothing where there is no conflict", async () => {
    const app = queue.app([task]);
    const ids = [
      await app.defer(task, { n: 1 }, { onConflict: "ignore" }),
      await app.defer(task, { n: 2 }, { onConflict: "replace" }),
      await app.defer(task, { n: 3 }, { onConflict: "replace", queueingLock: "a" }),
      await app.defer(task, { n: 4 }, { onConflict: "ignore", queueingLock: "b" }),
      await app.defer(task, { n: 5 }, { onConflict: "throw", queueingLock: "c" }),
    ];
    expect((await queue.jobs()).map((job) => job.id)).toEqual(ids);
  });

  test("ignore gives the id of the waiting job and leaves that untouched", async () => {
    const app = queue.app([task, other]);
    const id = await app.defer(task, { n: 1 }, { queueingLock: "a", priority: 1 });
    const before = await queue.jobs();
    const options = { queueingLock: "a", onConflict: "ignore", scheduleIn: { days: 1 } } as const;
    expect(await app.defer(other, { n: 2 }, options)).toBe(id);
    expect(await queue.jobs()).toEqual(before);
  });

  test("replace gives the id of the waiting job and makes that all of the new one", async () => {
    const app = queue.app([task, other]);
    const at = new Date("2124-01-01T00:00:00Z");
    const id = await app.defer(task, { n: 1 }, { queueingLock: "a", scheduleAt: at });
    expect(await app.defer(other, { n: 2 }, { queueingLock: "a", onConflict: "replace" })).toBe(id);
    const replaced = { id, queue: "elsewhere", task: "other", priority: 3, lock: "busy", args: { n: 2 } };
    const now = { scheduledAt: null, ready: true, wakeAt: null };
    expect(await queue.jobs()).toMatchObject([{ ...replaced, ...now, queueingLock: "a", queueingKey: "a" }]);

    await app.defer(task, {}, { queueingLock: "a", onConflict: "replace", scheduleAt: at });
    const scheduled = { scheduledAt: at, ready: false, wakeAt: at };
    const again = { id, queue: "default", task: "sample", priority: 0, lock: null, args: {} };
    expect(await queue.jobs()).toMatchObject([{ ...again, ...scheduled, queueingLock: "a", queueingKey: "a" }]);
  });

  test("replace touches no job but the waiting one of that lock", async () => {
    const app = queue.app([task]);
    const running = await app.defer(task, { n: 1 }, { queueingLock: "a" });
    await become(running, "doing");
    const waiting = await app.defer(task, { n: 2 }, { queueingLock: "a" });
    await app.defer(task, { n: 3 }, { queueingLock: "b" });
    await app.defer(task, { n: 4 });
    expect(await app.defer(task, { n: 5 }, { queueingLock: "a", onConflict: "replace" })).toBe(waiting);
    expect((await queue.jobs()).map((job) => job.args["n"])).toEqual([1, 5, 3, 4]);
  });

  test("replace lets the jobs run that waited behind the lock which it takes away", async () => {
    const app = queue.app([task]);
    const head = await app.defer(task, { n: 1 }, { queueingLock: "a", lock: "old", scheduleIn: { days: 1 } });
    const follower = await app.defer(task, { n: 2 }, { lock: "old" });
    // As a worker leaves a job that is not the head of its lock.
    await queue.pool.query("update procrastinate_jobs set ready = false where id = $1", [follower]);
    await app.defer(task, { n: 3 }, { queueingLock: "a", lock: "new", onConflict: "replace" });
    expect((await queue.jobs()).map((job) => [job.id, job.lock, job.ready])).toEqual([
      [head, "new", true],
      [follower, "old", true],
    ]);
  });
});
