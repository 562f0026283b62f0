import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { defineTask } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { startWorker } from "../support/worker-run.ts";

/** So many that reading past them takes tens of milliseconds. */
const GONE = 400_000;

let queue: TestQueue;
/** A session whose transaction holds back vacuum: what it might still see stays in tables and indexes. */
let holder: pg.Client;
beforeEach(async () => {
  queue = await openTestQueue();
  await queue.pool.query("alter table procrastinate_jobs set (autovacuum_enabled = false)");
  holder = new pg.Client({ connectionString: queue.url });
  await holder.connect();
  await holder.query("begin isolation level repeatable read; select 1");
  await queue.pool.query(`insert into procrastinate_jobs (task_name) select 't' from generate_series(1, ${GONE})`);
  await queue.pool.query("delete from procrastinate_jobs");
});
afterEach(async () => {
  await holder.end();
  await queue.close();
});

const fetches = (name: string): number => queue.sent.filter((sent) => sent === name).length;

test("a worker looks past what is gone but cannot be vacuumed, and finds what became ready behind it all the same", async () => {
  const ran: number[] = [];
  const task = defineTask({
    name: "t",
    retry: 1,
    run: ({ n }: { n: number }, { attempt }) => {
      if (n === 0 && attempt === 1) throw new Error("the first time");
      ran.push(n);
    },
  });
  const app = queue.app([task]);
  await using _started = startWorker(app, { concurrency: 1, maxPrefetch: 0 });
  await app.batchDefer(
    task,
    Array.from({ length: 50 }, (_, n) => ({ n })),
  );
  await until(() => ran.length === 50);
  const light = fetches("fetch_jobs_from");
  expect(light).toBeGreaterThan(25);
  expect(light).toBeGreaterThan(fetches("fetch_jobs"));
  // Nobody knows yet of a queue, a priority or a lock like these.
  await app.defer(task, { n: 50 }, { queue: "other" });
  await app.defer(task, { n: 51 }, { priority: 7 });
  await app.defer(task, { n: 52 }, { lock: "l" });
  await app.defer(task, { n: 53 }, { scheduleIn: { milliseconds: 20 } });
  await until(() => ran.length === 54);
  expect([...ran].sort((a, b) => a - b)).toEqual(Array.from({ length: 54 }, (_, n) => n));
  // Once the transaction has ended, the next look clears what it kept.
  await holder.query("commit");
  const before = fetches("fetch_jobs_from");
  await until(async () => {
    await app.defer(task, { n: 99 });
    return queue.sent.slice(-10).every((name) => name !== "fetch_jobs_from");
  });
  expect(fetches("fetch_jobs_from") - before).toBeLessThan(50);
});

test("a worker that ends when there is nothing to do looks everywhere each time", async () => {
  let runs = 0;
  const task = defineTask({ name: "t", run: () => void runs++ });
  const app = queue.app([task]);
  await app.batchDefer(task, Array(20).fill({}));
  await app.createWorker({ wait: false, concurrency: 1, maxPrefetch: 0, installSignalHandlers: false }).run();
  expect(runs).toBe(20);
  expect(fetches("fetch_jobs_from")).toBe(0);
});
