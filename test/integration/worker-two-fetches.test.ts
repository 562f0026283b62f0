import type { PoolClient } from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Connector } from "../../src/connector.ts";
import { DatabaseError } from "../../src/database-error.ts";
import { createApp, defineTask, silentLogger } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { gate, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

const JOBS = 12_000;

interface Watched extends Connector<PoolClient> {
  /** How many fetches were under way at once, at most. */
  readonly most: () => number;
}

/** @param onAnswer Called with the number of each fetch and how many are under way, its answer at hand. */
function watchFetches(
  name: "fetch_jobs" | "fetch_locked_jobs",
  onAnswer: (fetch: number, underWay: number) => unknown = () => 0,
): Watched {
  let sent = 0;
  let underWay = 0;
  let most = 0;
  return {
    ...queue.connector,
    most: () => most,
    pool: {
      async query(statement, values) {
        if (statement.name !== name) return queue.connector.pool.query(statement, values);
        const fetch = ++sent;
        most = Math.max(most, ++underWay);
        try {
          const rows = await queue.connector.pool.query<never>(statement, values);
          await onAnswer(fetch, underWay);
          return rows;
        } finally {
          underWay--;
        }
      },
    },
  };
}

/** An app whose jobs count their runs. */
function counting(connector: Connector<PoolClient>) {
  const runs = new Map<number, number>();
  const task = defineTask<{ n: number }>({ name: "t", run: ({ n }) => void runs.set(n, (runs.get(n) ?? 0) + 1) });
  return { task, runs, app: createApp({ connector, tasks: [task], logger: silentLogger }) };
}

const args = Array.from({ length: JOBS }, (_, n) => ({ n }));
const counts = async (): Promise<Record<string, number>> => {
  const { rows } = await queue.pool.query("select status, count(*)::int from procrastinate_jobs group by status");
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
};
const allSucceeded = async (): Promise<boolean> => (await counts())["succeeded"] === JOBS;

test("while jobs end as fast as they come, one more fetch is under way; each job runs once", async () => {
  const connector = watchFetches("fetch_jobs");
  const { task, runs, app } = counting(connector);
  await app.batchDefer(task, args);
  await using _worker = startWorker(app, { concurrency: 10 });
  await until(allSucceeded, { timeoutMs: 10_000 });
  expect(connector.most()).toBe(2);
  expect(runs.size).toBe(JOBS);
  expect(Math.max(...runs.values())).toBe(1);
});

test("jobs with locks are fetched one fetch at a time, or fetches would compete for the locks", async () => {
  const connector = watchFetches("fetch_locked_jobs");
  const { task, runs, app } = counting(connector);
  await app.batchDefer(task, args, { lock: "l" });
  await using _worker = startWorker(app, { concurrency: 10 });
  await until(allSucceeded, { timeoutMs: 20_000 });
  expect(connector.most()).toBe(1);
  expect([...runs.keys()]).toEqual(args.map(({ n }) => n));
});

test.each([
  ["the first", 0],
  ["the second", 1],
])("when %s of two fetches fails after it was committed, every job runs once", async (_which, offset) => {
  let failing = Number.POSITIVE_INFINITY;
  const connector = watchFetches("fetch_jobs", (fetch, underWay) => {
    if (underWay === 2) failing = Math.min(failing, fetch + offset);
    if (fetch === failing) throw new DatabaseError("fetch_jobs", new Error("Connection terminated unexpectedly"));
  });
  const { task, runs, app } = counting(connector);
  await app.batchDefer(task, args);
  await using _worker = startWorker(app, { concurrency: 10 });
  await until(allSucceeded, { timeoutMs: 10_000 });
  expect(connector.most()).toBe(2);
  expect(runs.size).toBe(JOBS);
  expect(Math.max(...runs.values())).toBe(1);
});

test("a stop gives back what two fetches under way have claimed", async () => {
  const held = gate();
  let waiting = 0;
  const connector = watchFetches("fetch_jobs", async (_fetch, underWay) => {
    if (underWay < 2 && waiting === 0) return;
    waiting++;
    await held.opened;
  });
  const { task, runs, app } = counting(connector);
  await app.batchDefer(task, args);
  const { worker } = startWorker(app, { concurrency: 10 });
  await until(() => waiting === 2);
  const stopped = worker.stop();
  held.open();
  await stopped;
  expect(await counts()).toEqual({ succeeded: runs.size, todo: JOBS - runs.size });
  await using _next = startWorker(counting(queue.connector).app, { concurrency: 10 });
  await until(allSucceeded, { timeoutMs: 10_000 });
});
