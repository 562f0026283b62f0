import { setTimeout as sleep } from "node:timers/promises";
import type { PoolClient } from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Connector } from "../../src/connector.ts";
import { DatabaseError } from "../../src/database-error.ts";
import { defineTask } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { type Gate, gate, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

/** Looks from the front, and lists of queues. */
const LONG = ["fetch_jobs", "list_ready_queues"] as const;
type Long = (typeof LONG)[number];

/** A connector on which those seem to take longer than what they find, and can be held back, or fail. */
function slow() {
  const held = new Map<Long, Gate>();
  const waiting = new Set<Long>();
  const failing = new Set<Long>();
  const connector: Connector<PoolClient> = {
    ...queue.connector,
    pool: {
      async query(statement, values) {
        const name = LONG.find((each) => each === statement.name);
        if (name === undefined) return queue.connector.pool.query(statement, values);
        const hold = held.get(name);
        if (hold) {
          waiting.add(name);
          await hold.opened;
        }
        if (failing.delete(name)) throw new DatabaseError(name, new Error("the connection was reset"));
        const rows = await queue.connector.pool.query<never>(statement, values);
        return rows.map((row) => Object.assign(row, { tookMs: 30 }));
      },
    },
  };
  const hold = (name: Long): Gate => {
    const opened = gate();
    held.set(name, opened);
    return {
      ...opened,
      open: () => {
        held.delete(name);
        opened.open();
      },
    };
  };
  return { connector, hold, held, waiting, failing };
}

const SLEEPY = { pollingInterval: { seconds: 60 }, heartbeatInterval: { minutes: 1 }, stalledAfter: { minutes: 5 } };

/** A worker that has found out that looks take long, and a task whose jobs wait for what they are given. */
async function start() {
  const { connector, ...control } = slow();
  const gates = new Map<string, Gate>();
  const ran: string[] = [];
  let running = 0;
  const task = defineTask({
    name: "t",
    run: async ({ name, waitsFor }: { name: string; waitsFor?: string }) => {
      running++;
      ran.push(name);
      if (waitsFor !== undefined) await gates.get(waitsFor)?.opened;
      running--;
    },
  });
  const app = queue.app([task], { connector });
  const started = startWorker(app, { ...SLEEPY, concurrency: 4, maxPrefetch: 0 });
  const count = (name: string): number => queue.sent.filter((sent) => sent === name).length;
  const deferUntil = (isDone: () => boolean): Promise<unknown> =>
    until(async () => {
      await app.defer(task, { name: "any" });
      return isDone();
    });
  await deferUntil(() => count("fetch_jobs_from") > 2);
  await untilDone();
  ran.length = 0;
  const { worker } = started;
  const stop = (): Promise<void> => {
    for (const each of [...gates.values(), ...control.held.values()]) each.open();
    return worker.stop();
  };
  return {
    ...control,
    app,
    task,
    ran,
    gates,
    deferUntil,
    count,
    worker,
    running: () => running,
    [Symbol.asyncDispose]: stop,
  };
}

const untilDone = () => until(async () => (await queue.jobs()).every(({ status }) => status === "succeeded"));

test("while a look from the front takes long, the fetches go on, in the slots that it leaves", async () => {
  await using started = await start();
  const { app, task, hold, waiting, deferUntil, ran, gates, running } = started;
  const look = hold("fetch_jobs");
  await deferUntil(() => waiting.has("fetch_jobs"));
  await untilDone();
  ran.length = 0;
  const all = gate();
  gates.set("all", all);
  for (const name of ["1", "2", "3", "4", "5", "6"]) await app.defer(task, { name, waitsFor: "all" });
  await until(() => running() === 2);
  // One after the other they would have been started by now.
  await app.defer(task, { name: "urgent", waitsFor: "all" }, { priority: 1 });
  expect(running()).toBe(2);
  look.open();
  await until(() => running() === 4);
  expect(ran).toEqual(["1", "2", "urgent", "3"]);
  all.open();
  await untilDone();
  expect([...ran].sort()).toEqual(["1", "2", "3", "4", "5", "6", "urgent"]);
});

test("while the list of queues takes long, the fetches go on in those that are known", async () => {
  await using started = await start();
  const { app, task, hold, waiting, deferUntil, ran, count } = started;
  const list = hold("list_ready_queues");
  await deferUntil(() => waiting.has("list_ready_queues"));
  // As a transaction would that began while the worker was busy: nobody tells of it.
  await queue.pool.query(
    `insert into procrastinate_jobs (task_name, queue_name, args) values ('t', 'new', '{"name": "new"}')`,
  );
  await app.defer(task, { name: "known" });
  await until(() => ran.includes("known"));
  expect(ran).not.toContain("new");
  // Meanwhile a look is due, which has to wait for the list; so has the loop, which polls ever later.
  const before = count("fetch_jobs_from");
  await sleep(1_000);
  expect(count("fetch_jobs_from") - before).toBeLessThan(30);
  list.open();
  await until(() => ran.includes("new"));
  await untilDone();
});

test("a job that became ready far behind the others is found by an idle worker, long before its next poll", async () => {
  await queue.pool.query("select setval('procrastinate_jobs_id_seq', 1000000)");
  await using started = await start();
  const { ran } = started;
  await until(async () => (await queue.pool.query("select from procrastinate_workers where idle")).rowCount === 1);
  await queue.pool.query(
    `insert into procrastinate_jobs (id, task_name, args) overriding system value values (5, 't', '{"name": "behind"}')`,
  );
  await until(() => ran.includes("behind"));
  await untilDone();
});

test("a worker that stops during a long look waits for it, and gives back what it claimed", async () => {
  await using started = await start();
  const { app, task, hold, waiting, deferUntil, ran } = started;
  const look = hold("fetch_jobs");
  await deferUntil(() => waiting.has("fetch_jobs"));
  await untilDone();
  ran.length = 0;
  let isStopped = false;
  const stopped = started.worker.stop().then(() => {
    isStopped = true;
  });
  await app.batchDefer(task, [{ name: "1" }, { name: "2" }]);
  expect(isStopped).toBe(false);
  look.open();
  await stopped;
  expect(ran).toEqual([]);
  expect((await queue.jobs()).filter(({ status }) => status !== "succeeded")).toMatchObject([
    { status: "todo", ready: true },
    { status: "todo", ready: true },
  ]);
});

test("a long look that is given up is tried again, the fetches go on, and nobody takes the database for lost", async () => {
  await using started = await start();
  const { failing, count, deferUntil } = started;
  const lost: unknown[] = [];
  started.worker.on("database_lost", ({ error }) => lost.push(error));
  failing.add("fetch_jobs");
  await deferUntil(() => failing.size === 0);
  const before = count("fetch_jobs");
  await deferUntil(() => count("fetch_jobs") > before);
  await untilDone();
  expect(lost).toEqual([]);
});
