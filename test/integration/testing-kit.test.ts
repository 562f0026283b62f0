import { AssertionError } from "node:assert";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { DatabaseError, defineTask, InvalidOptionError, retryStrategy } from "../../src/index.ts";
import { conformanceCases } from "../../src/testing/conformance/index.ts";
import { deferredJobs, expectDeferred, runDueJobs, runTask, timeTravel } from "../../src/testing/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(async () => {
  await queue.clear();
  ran.length = 0;
});
afterAll(() => queue.close());

const ran: number[] = [];
const task = defineTask({ name: "t", run: ({ n }: { n: number; deep?: { a: number; b: number[] } }) => ran.push(n) });
const other = defineTask({ name: "other", run: () => undefined });
/** A test whose transaction is rolled back at its end. */
async function rolledBack(work: Parameters<TestQueue["transaction"]>[0]): Promise<void> {
  const end = queue.transaction(async (tx) => {
    await work(tx);
    throw new Error("the end of the test");
  });
  await expect(end).rejects.toThrow("the end of the test");
  expect(await queue.jobs()).toEqual([]);
}

describe("expectDeferred", () => {
  test("sees what the test's own transaction deferred, and nobody else does", async () => {
    const app = queue.app([task, other]);
    await rolledBack(async (tx) => {
      const id = await app.defer(
        task,
        { n: 1, deep: { a: 1, b: [1, 2] } },
        { tx, queue: "q", scheduleIn: { hours: 1 } },
      );
      const [job] = await expectDeferred(app, task, { tx, args: { deep: { b: [1, 2] } } });
      expect(job).toMatchObject({
        id,
        queue: "q",
        status: "todo",
        priority: 0,
        args: { n: 1 },
        scheduledAt: expect.any(Date),
      });
      await expectDeferred(app, task, { tx, queue: "q", times: 1 });
      await expectDeferred(app, task, { tx, args: { n: 2 }, times: 0 });
      await expectDeferred(app, other, { tx, times: 0 });
      expect(await deferredJobs(app, task)).toEqual([]);
    });
  });

  test("fails with what was deferred instead", async () => {
    const app = queue.app([task]);
    await app.batchDefer(task, [{ n: 1 }, { n: 2, deep: { a: 1, b: [] } }]);
    for (const options of [
      { args: { n: 3 } },
      { times: 1 },
      { args: { deep: { b: [1] } } },
      { queue: "q" },
      { times: 0 },
    ]) {
      const failed = expectDeferred(app, task, options);
      await expect(failed).rejects.toThrow(AssertionError);
      await expect(failed).rejects.toThrow(/job \d+, todo in the queue default: { n: 1 }\n.*n: 2/);
    }
    await queue.clear();
    await expect(expectDeferred(app, task)).rejects.toThrow(
      "Expected a deferred job of t, found 0. There is none at all.",
    );
  });
});

describe("runDueJobs in a transaction", () => {
  test("runs what the transaction deferred, with retries and children, and leaves nothing", async () => {
    const again = defineTask({
      name: "again",
      retry: 1,
      lock: "l",
      async run(_args: object, context) {
        if (context.attempt === 1) throw new Error("the first time");
        await context.defer(task, { n: 9 });
      },
    });
    const app = queue.app([task, again]);
    await rolledBack(async (tx) => {
      await app.defer(again, {}, { tx });
      await app.batchDefer(task, [{ n: 1 }, { n: 2 }], { tx });
      await app.defer(task, { n: 3 }, { tx, scheduleIn: { hours: 1 } });
      const run = await runDueJobs(app, { tx });
      expect([run.succeeded.length, run.retried.length, run.failed.length]).toEqual([4, 1, 0]);
      expect(ran.toSorted()).toEqual([1, 2, 9]);
      await timeTravel(app, { hours: 1 }, { tx });
      await runDueJobs(app, { tx });
      expect(ran).toContain(3);
    });
  });

  test("lets a handler complete its job in that transaction", async () => {
    await rolledBack(async (tx) => {
      const completing = defineTask({ name: "c", run: (_args, context) => context.complete(tx, { done: true }) });
      const app = queue.app([completing]);
      await app.defer(completing, {}, { tx });
      expect((await runDueJobs(app, { tx })).succeeded).toHaveLength(1);
      expect(await deferredJobs(app, completing, { tx })).toMatchObject([{ status: "succeeded" }]);
    });
  });

  test("rejects with the error that broke the transaction", async () => {
    const app = queue.app([task]);
    await queue
      .transaction(async (tx) => {
        await app.defer(task, { n: 1 }, { tx });
        await tx.query("select 1 / 0").catch(() => undefined);
        await expect(runDueJobs(app, { tx })).rejects.toThrow(DatabaseError);
      })
      .catch(() => undefined);
    expect(ran).toEqual([]);
  });
});

describe("timeTravel", () => {
  test("makes scheduled jobs and delayed retries due, for a worker that is running too", async () => {
    const later = defineTask({
      name: "later",
      retry: retryStrategy({ maxAttempts: 2, wait: { hours: 1 } }),
      run: (_args, { attempt }) => {
        if (attempt === 1) throw new Error("the first time");
        ran.push(attempt);
      },
    });
    const app = queue.app([later, task]);
    await app.defer(later, {}, { scheduleIn: { days: 1 } });
    expect((await runDueJobs(app)).succeeded).toEqual([]);
    await using _worker = startWorker(app, { pollingInterval: { seconds: 60 } });
    await until(async () => (await queue.pool.query("select 1 from procrastinate_workers where idle")).rowCount !== 0);
    await timeTravel(app, { hours: 23 });
    await timeTravel(app, { hours: 1 });
    await until(async () => (await queue.jobs())[0]?.attempts === 1);
    await timeTravel(app, { hours: 1 });
    await until(() => ran.length === 1);
  });

  test("moves all that is stored into the past, ticks too", async () => {
    const app = queue.app([other]);
    await app.defer(other);
    await queue.pool.query(`insert into procrastinate_periodic_defers (task_name, defer_timestamp, job_id)
      select 'other', n * 3600, n from generate_series(1, 50) n`);
    const before = await queue.pool.query("select deferred_at from procrastinate_jobs");
    await timeTravel(app, { hours: 1 });
    const after = await queue.pool.query("select deferred_at from procrastinate_jobs");
    expect((before.rows[0].deferred_at - after.rows[0].deferred_at) / 1000).toBeCloseTo(3600, 0);
    const ticks = await queue.pool.query(
      "select min(defer_timestamp)::int, max(defer_timestamp)::int, count(*)::int from procrastinate_periodic_defers",
    );
    expect(ticks.rows).toEqual([{ min: 0, max: 49 * 3600, count: 50 }]);
    await queue.pool.query("delete from procrastinate_periodic_defers");
  });

  test("refuses what is no span of time, and an app of another package", async () => {
    await expect(timeTravel(queue.app([]), { hours: -1 })).rejects.toThrow(InvalidOptionError);
    await expect(timeTravel({ ...queue.app([]) }, { hours: 1 })).rejects.toThrow(/createApp/);
  });
});

test.each<[option: string, call: () => unknown]>([
  ["expectDeferred.timse", () => expectDeferred(queue.app([task]), task, { timse: 1 } as never)],
  ["expectDeferred", () => expectDeferred(queue.app([task]), task, null as never)],
  ["times", () => expectDeferred(queue.app([task]), task, { times: -1 })],
  ["deferredJobs.times", () => deferredJobs(queue.app([task]), task, { times: 1 } as never)],
  ["runTask.atempt", () => runTask(task, { n: 1 }, { atempt: 2 } as never)],
  ["runTask.job.que", () => runTask(task, { n: 1 }, { job: { que: "q" } } as never)],
  ["attempt", () => runTask(task, { n: 1 }, { attempt: 0 })],
  ["task", () => runTask("t" as never, {})],
  ["timeTravel.tsx", () => timeTravel(queue.app([task]), { days: 1 }, { tsx: 1 } as never)],
  ["worker.concurency", () => runDueJobs(queue.app([task]), { concurency: 1 } as never)],
  ["conformanceCases.listen", () => conformanceCases(() => queue.connector, { listen: false } as never)],
])("what does not exist is refused: %s", async (option, call) => {
  await expect((async () => call())()).rejects.toMatchObject({ code: "invalid_option", option });
});
