import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import type { DeferOptions } from "../../src/task/deferrer.ts";
import { defineTask } from "../../src/task/define-task.ts";
import { retryStrategy } from "../../src/task/retry.ts";
import { runDueJobs } from "../../src/testing/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { FAST } from "../support/worker-run.ts";

let queue: TestQueue;

beforeAll(async () => {
  queue = await openTestQueue();
  await queue.pool.query("create table orders (id int primary key)");
});
afterAll(() => queue.close());
beforeEach(() => queue.clear());

const plain = defineTask<{ n?: number; text?: string }>({ name: "plain" });
const keyed = defineTask<{ user: string }>({
  name: "keyed",
  queue: "mail",
  priority: 5,
  lock: ({ user }) => `user:${user}`,
  queueingLock: ({ user }) => `mail:${user}`,
});

/** How far apart two moments are, in milliseconds. */
function distance(one: Date | null, other: number): number {
  return Math.abs((one?.getTime() ?? Number.NaN) - other);
}

describe("a deferred job", () => {
  test("is a row that waits, and its id is given back", async () => {
    const id = await queue.app([plain]).defer(plain, { n: 1 });
    expect(await queue.jobs()).toEqual([
      {
        id,
        queue: "default",
        task: "plain",
        priority: 0,
        lock: null,
        queueingLock: null,
        args: { n: 1 },
        status: "todo",
        attempts: 0,
        scheduledAt: null,
        ready: true,
        wakeAt: null,
        queueingKey: null,
      },
    ]);
    expect(queue.sent).toEqual(["insert_job"]);
  });

  test("has no arguments where none are given", async () => {
    const app = queue.app([plain]);
    await app.defer(plain);
    await app.defer(plain, undefined, { priority: 1 });
    expect((await queue.jobs()).map(({ args, priority }) => [args, priority])).toEqual([
      [{}, 0],
      [{}, 1],
    ]);
  });

  test("has what its task says", async () => {
    await queue.app([keyed]).defer(keyed, { user: "a" });
    const expected = { queue: "mail", priority: 5, lock: "user:a", queueingLock: "mail:a", queueingKey: "mail:a" };
    expect(await queue.jobs()).toMatchObject([expected]);
  });

  test.each<[DeferOptions, object]>([
    [{ queue: "slow" }, { queue: "slow", priority: 5, lock: "user:a", queueingLock: "mail:a" }],
    [{ priority: -2_147_483_648 }, { priority: -2_147_483_648 }],
    [{ priority: 2_147_483_647 }, { priority: 2_147_483_647 }],
    [{ priority: 0 }, { priority: 0 }],
    [{ lock: "other" }, { lock: "other", queueingLock: "mail:a", queueingKey: "mail:a" }],
    [{ lock: "" }, { lock: "" }],
    [{ lock: null }, { lock: null }],
    [{ queueingLock: "other" }, { lock: "user:a", queueingLock: "other", queueingKey: "other" }],
    [{ queueingLock: "" }, { queueingLock: "", queueingKey: "" }],
    [{ queueingLock: null }, { queueingLock: null, queueingKey: null }],
  ])("has what the caller says, before its task: %j", async (options, expected) => {
    await queue.app([keyed]).defer(keyed, { user: "a" }, options as DeferOptions<never>);
    expect(await queue.jobs()).toMatchObject([{ task: "keyed", args: { user: "a" }, ...expected }]);
  });

  test("has what was bound, unless the call says else", async () => {
    const later = queue.app([keyed]).configure(keyed, { queue: "slow", priority: 1, queueingLock: null });
    await later.defer({ user: "a" });
    await later.defer({ user: "b" }, { priority: 2 });
    await later.batchDefer([{ user: "c" }], { queue: "slower" });
    const rows = (await queue.jobs()).map((job) => [job.queue, job.priority, job.lock, job.queueingLock]);
    expect(rows).toEqual([
      ["slow", 1, "user:a", null],
      ["slow", 2, "user:b", null],
      ["slower", 1, "user:c", null],
    ]);
  });
});

describe("a scheduled job", () => {
  test("is set aside until its moment", async () => {
    const at = new Date("2124-03-04T05:06:07.089Z");
    const app = queue.app([plain]);
    await app.defer(plain, {}, { scheduleAt: at });
    await app.defer(plain, {}, { scheduleAt: "2124-03-04T06:06:07.089+01:00" });
    const expected = { scheduledAt: at, wakeAt: at, ready: false, status: "todo" };
    expect(await queue.jobs()).toMatchObject([expected, expected]);
  });

  test("is set aside for its span of time, by the clock of the database", async () => {
    const before = Date.now();
    await queue.app([plain]).defer(plain, {}, { scheduleIn: { hours: 1, milliseconds: 500 } });
    const [job] = await queue.jobs();
    expect(distance(job?.scheduledAt ?? null, before + 3_600_500)).toBeLessThan(10_000);
    expect(job).toMatchObject({ ready: false, wakeAt: job?.scheduledAt });
  });

  test("is due by the clock of the database, also where the app's is an hour ahead", async () => {
    const app = queue.app([plain]);
    const failing = defineTask({
      name: "failing",
      retry: retryStrategy({ wait: { minutes: 1 } }),
      run: () => Promise.reject(new Error("again")),
    });
    vi.setSystemTime(Date.now() + 3_600_000);
    try {
      await app.defer(plain, {}, { scheduleIn: { minutes: 1 } });
      await app.batchDefer(plain, [{}, { n: 1 }], { scheduleIn: { minutes: 1 } });
      const later = await app.defer(plain, {}, { scheduleIn: { days: 1 } });
      await app.jobs.reschedule(later, { scheduleIn: { minutes: 1 } });
      const retried = queue.app([failing]);
      await retried.defer(failing);
      await runDueJobs(retried, FAST);
      const left = "select extract(epoch from scheduled_at - now())::float8 as seconds from procrastinate_jobs";
      const { rows } = await queue.pool.query(left);
      expect(rows).toHaveLength(5);
      for (const { seconds } of rows) expect(seconds > 55 && seconds < 61, `${seconds} s`).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });

  test("counts its span from the call, not from the begin of a long transaction", async () => {
    const app = queue.app([plain]);
    const began = await queue.transaction(async (tx) => {
      const { rows } = await tx.query("select now() as began, pg_sleep(0.05)::text");
      await app.defer(plain, {}, { tx, scheduleIn: { seconds: 1 } });
      return rows[0].began.getTime() as number;
    });
    const [job] = await queue.jobs();
    expect((job?.scheduledAt?.getTime() ?? 0) - began).toBeGreaterThanOrEqual(1050);
  });

  test.each<[string, DeferOptions]>([
    ["a moment of the past", { scheduleAt: new Date("2001-02-03T04:05:06Z") }],
    ["a moment before 1970", { scheduleAt: "0001-01-01T00:00:00Z" }],
    ["no delay", { scheduleIn: {} }],
    ["a delay of nothing", { scheduleIn: { seconds: 0 } }],
  ])("is ready at once after %s", async (_what, options) => {
    await queue.app([plain]).defer(plain, {}, options as DeferOptions<never>);
    expect(await queue.jobs()).toMatchObject([{ ready: true, wakeAt: null }]);
  });

  test("can be as late as the calendar of all drivers goes", async () => {
    await queue.app([plain]).defer(plain, {}, { scheduleAt: "9999-12-31T23:59:59.999Z" });
    await queue.app([plain]).defer(plain, {}, { scheduleIn: { days: 4000 * 365 } });
    const [one, other] = await queue.jobs();
    expect(one?.scheduledAt).toEqual(new Date("9999-12-31T23:59:59.999Z"));
    expect(other?.scheduledAt?.getUTCFullYear()).toBeGreaterThan(6000);
  });
});

describe("a job deferred in a transaction", () => {
  const orders = async (): Promise<number[]> =>
    (await queue.pool.query("select id from orders order by id")).rows.map(({ id }) => id);

  test("is there when, and only when, the rows written with it are", async () => {
    const app = queue.app([plain]);
    const id = await queue.transaction(async (tx) => {
      await tx.query("insert into orders values (1)");
      const given = await app.defer(plain, { n: 1 }, { tx });
      expect(await queue.jobs()).toEqual([]);
      return given;
    });
    expect(await orders()).toEqual([1]);
    expect((await queue.jobs()).map((job) => job.id)).toEqual([id]);
  });

  test("is gone with the rows that are rolled back", async () => {
    const app = queue.app([plain]);
    const failing = queue.transaction(async (tx) => {
      await tx.query("insert into orders values (2)");
      await app.defer(plain, { n: 1 }, { tx });
      await app.batchDefer(plain, [{ n: 2 }, { n: 3 }], { tx });
      await app.defer(plain, { n: 4 }, { tx, queueingLock: "a" });
      throw new Error("changed my mind");
    });
    await expect(failing).rejects.toThrow("changed my mind");
    expect(await orders()).not.toContain(2);
    expect(await queue.jobs()).toEqual([]);
    // The key is free again.
    await app.defer(plain, {}, { queueingLock: "a" });
  });

  test("goes through that transaction alone", async () => {
    const app = queue.app([plain]);
    await queue.transaction(async (tx) => {
      const backend = (await tx.query("select pg_current_xact_id()::text as id")).rows[0].id;
      await app.defer(plain, {}, { tx });
      const { rows } = await tx.query("select xmin::text as id from procrastinate_jobs");
      expect(rows).toEqual([{ id: backend }]);
    });
  });
});

test("an app of contracts defers what others run, and does not work itself", async () => {
  const contract = defineTask({ name: "shared", schema: z.object({ a: z.number() }) });
  const id = await queue.app([contract]).defer(contract, { a: 1 });
  expect(await queue.jobs()).toMatchObject([{ id, task: "shared", args: { a: 1 } }]);
  expect(() => queue.app([contract]).createWorker()).toThrow('Task "shared" has no run function here');
});
