import type { PoolClient } from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Connector } from "../../src/connector.ts";
import { DatabaseError } from "../../src/database-error.ts";
import { defineTask } from "../../src/index.ts";
import { queueSql, tableNames } from "../../src/sql/statement.ts";
import { sweepLocks } from "../../src/sql/sweep-locks.ts";
import { startClockedWorker } from "../support/clocked-worker.ts";
import type { ManualClock } from "../support/manual-clock.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

const ran: (string | null)[] = [];
const task = defineTask({ name: "t", run: (_args, { job }) => ran.push(job.lock) });
beforeEach(() => {
  ran.length = 0;
});

/** As a crash leaves them between releasing a lock and letting its next job run. */
const setAside = (...locks: string[]) =>
  queue.pool.query(
    "insert into procrastinate_jobs (task_name, lock, ready) select 't', u.lock, false from unnest($1::text[]) u(lock)",
    [locks],
  );

test("a worker that starts lets the jobs run whose locks were left alone, also of the empty lock", async () => {
  await setAside("", "", "a");
  await using _worker = startWorker(queue.app([task]));
  await until(() => ran.length === 3);
  expect(ran.toSorted()).toEqual(["", "", "a"]);
});

/** Lets ten seconds pass at most, while a regular sweep comes after thirty at the soonest. */
const soon = (clock: ManualClock, check: () => boolean | Promise<boolean>): Promise<boolean> => {
  let left = 100;
  return until(() => {
    if (left-- > 0) clock.pass(100);
    return check();
  });
};

test("a worker that hears nothing soon lets the jobs run whose head was taken away in a transaction", async () => {
  const app = queue.app([task]);
  const head = await app.defer(task, {}, { lock: "l", scheduleIn: { days: 1 } });
  const follower = await app.defer(task, {}, { lock: "l" });
  await using deaf = startClockedWorker(queue, [task], { listen: false, pollingInterval: { seconds: 5 } });
  await until(async () => (await queue.jobs()).some(({ id, ready }) => id === follower && !ready));
  await until(() => queue.sent.includes("sweep_locks"));
  await queue.transaction((tx) => app.jobs.cancel(head, { tx }));
  await soon(deaf.clock, () => ran.length === 1);
});

test("a sweep that was asked for and failed is made soon after", async () => {
  let fails = false;
  const connector: Connector<PoolClient> = {
    ...queue.connector,
    pool: {
      async query(statement, values) {
        if (!fails || statement.name !== "sweep_locks") return queue.connector.pool.query(statement, values);
        fails = false;
        throw new DatabaseError(statement.name, new Error("Connection terminated unexpectedly"));
      },
    },
  };
  await using worker = startClockedWorker(queue, [task], { connector });
  const isIdle = async (): Promise<boolean> =>
    (await queue.pool.query("select 1 from procrastinate_workers where idle")).rowCount === 1;
  await until(async () => queue.sent.includes("sweep_locks") && (await isIdle()));
  await setAside("a");
  fails = true;
  await queue.pool.query("select pg_notify($1, $2)", [tableNames().channel, JSON.stringify({ sweep: true })]);
  await soon(worker.clock, () => ran.length === 1);
  expect(fails).toBe(false);
});

test("jobs with the empty lock run in order and one at a time, as those of any lock", async () => {
  let active = 0;
  const order: number[] = [];
  const step = defineTask({
    name: "step",
    run: async ({ n }: { n: number }) => {
      expect(++active).toBe(1);
      await new Promise<void>((resolve) => setImmediate(resolve));
      order.push(n);
      active--;
    },
  });
  const app = queue.app([step]);
  const numbers = Array.from({ length: 20 }, (_, n) => n);
  await app.batchDefer(
    step,
    numbers.map((n) => ({ n })),
    { lock: "" },
  );
  await app.createWorker({ wait: false, concurrency: 5, installSignalHandlers: false }).run();
  expect(order).toEqual(numbers);
});

test.each([1, 2, 3, 100])("a sweep by pages of %i finds each lock once", async (limit) => {
  const locks = ["", "a", "b", "c", "d", "é", "\u{1F642}"];
  await setAside(...locks, ...locks);
  await queue.pool.query("insert into procrastinate_jobs (task_name, lock) values ('t', 'head'), ('t', null)");
  const sql = queueSql(queue.connector.pool, tableNames());
  const found: string[] = [];
  for (let from: string | undefined = ""; from !== undefined; ) {
    const { idle, next } = await sweepLocks(sql, { from, limit });
    expect(idle.length).toBeLessThanOrEqual(limit);
    found.push(...idle);
    from = next;
  }
  expect(found.toSorted()).toEqual(locks.toSorted());
});
