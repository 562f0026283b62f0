import { setTimeout as sleep } from "node:timers/promises";
import type { PoolClient } from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Connector } from "../../src/connector.ts";
import { DatabaseError } from "../../src/database-error.ts";
import { defineTask } from "../../src/index.ts";
import { SilenceError } from "../../src/worker/answer-limit.ts";
import type { WorkerOptions } from "../../src/worker/worker-options.ts";
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
  const failing = new Map<string, unknown>();
  const connector: Connector<PoolClient> = {
    ...queue.connector,
    pool: {
      async query(statement, values) {
        const error = failing.get(statement.name);
        const name = LONG.find((each) => each === statement.name);
        if (name === undefined && error !== undefined) throw error;
        if (name === undefined) return queue.connector.pool.query(statement, values);
        const hold = held.get(name);
        if (hold) {
          waiting.add(name);
          await hold.opened;
        }
        if (error !== undefined) throw error;
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
        if (held.get(name) === opened) held.delete(name);
        opened.open();
      },
    };
  };
  return { connector, hold, held, waiting, failing };
}

const SLEEPY = { pollingInterval: { seconds: 60 }, heartbeatInterval: { minutes: 1 }, stalledAfter: { minutes: 5 } };

const count = (name: string): number => queue.sent.filter((sent) => sent === name).length;

/** A worker that has found out that looks take long, and a task whose jobs wait for what they are given. */
async function start(options: WorkerOptions = { maxPrefetch: 0 }) {
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
  const started = startWorker(app, { ...SLEEPY, concurrency: 4, ...options });
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
  const { app, task, hold, waiting, deferUntil, ran } = started;
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

test("many jobs that become due far behind the others need few looks, on a worker that is busy", async () => {
  const OLD = 40;
  await using started = await start({ maxPrefetch: 0, queues: ["default"] });
  const { app, task, ran, deferUntil } = started;
  await app.batchDefer(task, Array(OLD).fill({ name: "old" }), { scheduleIn: { hours: 1 } });
  await queue.pool.query(
    "select setval('procrastinate_jobs_id_seq', last_value + 100000) from procrastinate_jobs_id_seq",
  );
  await deferUntil(() => ran.length > 2);
  await app.batchDefer(task, Array(3_000).fill({ name: "any" }));
  await until(() => ran.length > 100);
  const before = count("fetch_jobs");
  await queue.pool.query(
    "update procrastinate_jobs set scheduled_at = now(), wake_at = now() where not ready and wake_at > now()",
  );
  await until(() => ran.filter((name) => name === "old").length === OLD);
  // Each of them claims two at most, and so would be 20 of them.
  expect(count("fetch_jobs") - before).toBeLessThan(10);
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

const reset = (name: string) => new DatabaseError(name, new Error("the connection was reset"));
const cancelled = (name: string) => new DatabaseError(name, Object.assign(new Error("cancelled"), { code: "57014" }));
const silent = (name: string) => new SilenceError(name, new Error("silence"));

test.each([
  ["given up", silent, ["statement_refused"]],
  ["refused", cancelled, ["statement_refused"]],
  ["lost with its connection", reset, ["database_lost", "database_back"]],
] as const)("a long look that is %s is tried again, the fetches go on, and it is said", async (_how, error, said) => {
  await using started = await start();
  const { failing, ran, app, task, deferUntil } = started;
  const events: string[] = [];
  for (const name of ["database_lost", "database_back", "statement_refused"] as const)
    started.worker.on(name, () => events.push(name));
  failing.set("fetch_jobs", error("fetch_jobs"));
  await deferUntil(() => events.length === said.length);
  failing.clear();
  const before = count("fetch_jobs");
  await app.defer(task, { name: "meanwhile" });
  await until(() => ran.includes("meanwhile"));
  await deferUntil(() => count("fetch_jobs") > before);
  await untilDone();
  expect(events).toEqual(said);
});

test("lists of queues that are refused each time do not keep looks from being made", async () => {
  await using started = await start();
  const { failing, deferUntil } = started;
  failing.set("list_ready_queues", cancelled("list_ready_queues"));
  const refused: unknown[] = [];
  started.worker.on("statement_refused", ({ error }) => refused.push(error));
  await deferUntil(() => refused.length > 0);
  const before = count("fetch_jobs");
  await deferUntil(() => count("fetch_jobs") > before + 1);
  await untilDone();
});

test("a doubt about what was claimed waits for the end of a long look, and the fetches do not", async () => {
  await using started = await start();
  const { app, task, hold, waiting, failing, deferUntil, ran } = started;
  const look = hold("fetch_jobs");
  await deferUntil(() => waiting.has("fetch_jobs"));
  await untilDone();
  const lost: unknown[] = [];
  started.worker.on("database_lost", () => lost.push(failing.delete("fetch_jobs_from")));
  failing.set("fetch_jobs_from", reset("fetch_jobs_from"));
  await deferUntil(() => lost.length > 0);
  await app.defer(task, { name: "in doubt" });
  await until(() => ran.includes("in doubt"));
  expect(count("list_worker_jobs")).toBe(0);
  look.open();
  await until(() => count("list_worker_jobs") === 1);
  await untilDone();
});

test("what a look keeps for itself while jobs are short does not keep slots empty when they are not", async () => {
  await using started = await start({});
  const { app, task, hold, waiting, gates, running } = started;
  const look = hold("fetch_jobs");
  const many = Array.from({ length: 1000 }, () => ({ name: "short" }));
  await until(async () => {
    await app.batchDefer(task, many);
    return waiting.has("fetch_jobs");
  });
  await untilDone();
  await queue.clear();
  // With each of them the worker expects less work ahead.
  for (let n = 0; n < 20; n++) {
    await app.defer(task, { name: "few" });
    await untilDone();
  }
  const long = gate();
  gates.set("long", long);
  for (const name of ["1", "2"]) await app.defer(task, { name, waitsFor: "long" });
  await until(() => running() === 2);
  long.open();
  look.open();
  await untilDone();
});

test("behind the jobs that a look had no room for, the next look is made beside the fetches, too", async () => {
  await queue.pool.query("select setval('procrastinate_jobs_id_seq', 1000000)");
  await using started = await start();
  const { app, task, hold, waiting, ran } = started;
  await until(async () => (await queue.pool.query("select from procrastinate_workers where idle")).rowCount === 1);
  const look = hold("fetch_jobs");
  await queue.pool.query(
    `insert into procrastinate_jobs (id, task_name, args) overriding system value
     select n, 't', json_build_object('name', 'behind ' || n) from generate_series(1, 5) n`,
  );
  await until(() => waiting.has("fetch_jobs"));
  waiting.clear();
  const next = hold("fetch_jobs");
  look.open();
  await until(() => ran.length >= 2 && waiting.has("fetch_jobs"));
  await app.defer(task, { name: "new" });
  await until(() => ran.includes("new"));
  next.open();
  await until(() => ran.length === 6);
  await untilDone();
});

test("a worker that knows no queue with jobs hears of the next scheduled one from a long list", async () => {
  const { connector } = slow();
  const ran: number[] = [];
  const task = defineTask({ name: "t", run: () => ran.push(performance.now()) });
  await using _worker = startWorker(queue.app([task], { connector }), {
    ...{ ...SLEEPY, listen: false },
    pollingInterval: { milliseconds: 100 },
  });
  await until(() => count("list_ready_queues") > 4);
  await queue.pool.query(
    "insert into procrastinate_jobs (task_name, args, scheduled_at, wake_at, ready) select 't', '{}', t, t, false from (select now() + interval '1 s') s(t)",
  );
  await until(() => ran.length === 1);
});

test("a worker that stops does not wait for a long list of queues, which says nothing any more", async () => {
  await using started = await start();
  const { hold, waiting, deferUntil } = started;
  const list = hold("list_ready_queues");
  await deferUntil(() => waiting.has("list_ready_queues"));
  await untilDone();
  await started.worker.stop();
  list.open();
});
