import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createApp, DatabaseError, defineTask, silentLogger } from "../../src/index.ts";
import { pgConnector } from "../support/pg-connector.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { gate, QUICK_RESCUE, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(async () => {
  await queue.clear();
  await queue.pool.query("delete from procrastinate_workers");
});
afterAll(() => queue.close());

/** A worker that died: its row, whose heartbeat is long ago. */
async function deadWorker(): Promise<string> {
  const insert =
    "insert into procrastinate_workers (name, last_heartbeat) values ('dead', now() - interval '1 hour') returning id::text";
  return (await queue.pool.query(insert)).rows[0].id;
}

/** Puts a job where a dead worker left it. */
async function leave(worker: string, columns: string): Promise<void> {
  const set = `status = 'doing', lease = 1, started_at = now(), queueing_key = null, worker_id = ${worker}, ${columns}`;
  await queue.pool.query(`update procrastinate_jobs set ${set} where id = (select max(id) from procrastinate_jobs)`);
}

test("the jobs of a dead worker run again, wherever it left them", async () => {
  const ran: string[] = [];
  const task = defineTask({ name: "t", run: ({ at }: { at: string }) => ran.push(at) });
  const app = queue.app([task]);
  const dead = await deadWorker();
  const places = {
    "just claimed": "ready = true",
    "running for long": "ready = false, wake_at = 'infinity'",
    "holding a lock": "ready = true, lock = 'a', running_lock = 'a'",
    "follower of a lane, set aside before": "ready = false, wake_at = null, lock = 'b'",
  };
  for (const [at, columns] of Object.entries(places)) {
    await app.defer(task, { at });
    await leave(dead, columns);
  }
  await using _worker = startWorker(app, { ...QUICK_RESCUE, concurrency: 4 });
  await until(() => ran.length === 4);
  expect(ran.sort()).toEqual(Object.keys(places).sort());
  await until(async () => (await queue.pool.query("select id from procrastinate_workers")).rowCount === 1);
  const events = await queue.pool.query("select type::text from procrastinate_events");
  expect(events.rows).toEqual(Array(4).fill({ type: "rescued" }));
});

test("a rescued job whose queueing lock was taken meanwhile runs beside the one that took it", async () => {
  let runs = 0;
  const task = defineTask({ name: "t", queueingLock: "once", run: () => runs++ });
  const app = queue.app([task]);
  const dead = await deadWorker();
  for (let n = 0; n < 2; n++) {
    await app.defer(task);
    await leave(dead, "ready = true");
  }
  await app.defer(task);
  await using _worker = startWorker(app, QUICK_RESCUE);
  await until(() => runs === 3);
});

test("jobs of a dead worker come back while another transaction is about to take the queueing lock of one", async () => {
  const task = defineTask({ name: "t", run: () => 1 });
  const app = queue.app([task]);
  const dead = await deadWorker();
  for (const options of [{ queueingLock: "once" }, {}, {}]) {
    await app.defer(task, {}, options);
    await leave(dead, "ready = true");
  }
  const client = await queue.pool.connect();
  try {
    await client.query("begin");
    const columns = "task_name, queueing_lock, queueing_key";
    await client.query(`insert into procrastinate_jobs (${columns}) values ('sibling', 'once', 'once')`);
    // One that rescues, and runs none of them.
    await using _worker = startWorker(app, { ...QUICK_RESCUE, queues: ["another"] });
    await until(async () => (await queue.jobs()).every(({ status }) => status === "todo"));
    expect((await queue.jobs()).map(({ queueingKey }) => queueingKey)).toEqual([null, null, null]);
  } finally {
    await client.query("rollback");
    client.release();
  }
});

test("a job that was rescued too often fails, and one whose abort was requested ends as aborted", async () => {
  const task = defineTask({ name: "t", run: () => 1 });
  const app = queue.app([task]);
  const dead = await deadWorker();
  await app.defer(task);
  await leave(dead, "rescues = 3, wake_at = 'infinity', ready = false");
  await app.defer(task);
  await leave(dead, "abort_requested = true");
  // Rescued before, but not running when the worker died: not its fault.
  await app.defer(task);
  await leave(dead, "rescues = 3");
  await using _worker = startWorker(app, { ...QUICK_RESCUE, maxRescues: 3 });
  await until(async () => (await queue.jobs()).every(({ status }) => status !== "doing" && status !== "todo"));
  expect((await queue.jobs()).map(({ status }) => status)).toEqual(["failed", "aborted", "succeeded"]);
  const failed = await queue.pool.query(
    "select detail->>'message' as message from procrastinate_events where type = 'failed'",
  );
  expect(failed.rows).toEqual([{ message: expect.stringMatching(/more than 3 times/) }]);
});

test("a worker that was wrongly taken for dead cannot record its run, and goes on under its id", async () => {
  const first = gate();
  const runs: number[] = [];
  const lost: unknown[] = [];
  const task = defineTask({
    name: "t",
    run: async (_args, { attempt }) => {
      runs.push(attempt);
      if (runs.length === 1) await first.opened;
    },
  });
  const app = queue.app([task]);
  await app.defer(task);
  await using one = startWorker(app, { heartbeatInterval: { seconds: 1 }, stalledAfter: { seconds: 60 } });
  one.worker.on("lease_lost", (event) => lost.push(event));
  await until(() => runs.length === 1);
  const before = await queue.pool.query("select id from procrastinate_workers");
  await queue.pool.query("update procrastinate_workers set last_heartbeat = now() - interval '1 hour'");
  await using two = startWorker(app, QUICK_RESCUE);
  await until(() => runs.length === 2);
  await until(async () => (await queue.jobs())[0]?.status === "succeeded");
  await two.worker.stop();
  first.open();
  await until(() => lost.length > 0);
  expect((await queue.jobs())[0]).toMatchObject({ status: "succeeded", attempts: 1 });
  await until(async () => {
    const after = await queue.pool.query("select id from procrastinate_workers");
    expect(after.rows).toEqual(before.rows);
    return true;
  });
});

test("the signal of a job that was lost is aborted", async () => {
  const reasons: unknown[] = [];
  const task = defineTask({
    name: "t",
    run: (_args, { signal }) =>
      new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => {
          reasons.push(signal.reason.reason);
          resolve();
        });
      }),
  });
  const app = queue.app([task]);
  await app.defer(task);
  await using _worker = startWorker(app, QUICK_RESCUE);
  await until(async () => (await queue.jobs())[0]?.status === "doing");
  await queue.pool.query("update procrastinate_jobs set lease = lease + 1");
  await until(() => reasons.length === 1);
  expect(reasons).toEqual(["lease_lost"]);
  expect((await queue.jobs())[0]?.status).toBe("doing");
});

test("locks that were released without a word are found by the sweep", async () => {
  const ran: number[] = [];
  const task = defineTask({ name: "t", lock: "l", run: ({ n }: { n: number }) => ran.push(n) });
  const app = queue.app([task]);
  await app.batchDefer(task, [{ n: 1 }, { n: 2 }]);
  // Both were set aside behind a job that is gone.
  await queue.pool.query("update procrastinate_jobs set ready = false");
  await using _worker = startWorker(app, { ...QUICK_RESCUE, concurrency: 2 });
  await until(() => ran.length === 2);
  expect(ran).toEqual([1, 2]);
});

test("no job of a lock is rescued while another one of it may still be completed by its handler's transaction", async () => {
  const ran: number[] = [];
  const task = defineTask({ name: "t", lock: "l", run: ({ n }: { n: number }) => ran.push(n) });
  const app = queue.app([task]);
  const dead = await deadWorker();
  await app.defer(task, { n: 1 });
  await leave(dead, "ready = true");
  await app.defer(task, { n: 2 });
  await leave(dead, "ready = true, running_lock = 'l'");
  await using _worker = startWorker(app, { ...QUICK_RESCUE, concurrency: 2 });
  await queue.transaction(async (tx) => {
    await tx.query("select 1 from procrastinate_jobs where args->>'n' = '1' for update");
    const free = await app.defer(task, { n: 3 }, { lock: "other" });
    await until(async () => (await queue.jobs()).some(({ id, status }) => id === free && status === "succeeded"));
    // The lock is not free while that transaction lasts.
    for (const name of ["rescue_jobs", "list_ready_queues"]) {
      const before = queue.sent.length;
      await until(() => queue.sent.indexOf(name, before) >= 0);
    }
    expect(ran).toEqual([3]);
  });
  await until(() => ran.length === 3);
  expect(ran).toEqual([3, 1, 2]);
});

test("a worker that may not do everything rescues all the same, and says what it may not", async () => {
  let runs = 0;
  const task = defineTask({ name: "t", run: () => runs++ });
  const app = queue.app([task]);
  await app.defer(task);
  const dead = await deadWorker();
  await leave(dead, "ready = true");
  const role = `limited_${randomUUID().replaceAll("-", "")}`;
  await queue.pool.query(`create role ${role}; grant all on all tables in schema public to ${role};
    grant all on all sequences in schema public to ${role}; revoke all on procrastinate_schedules from ${role}`);
  const pool = new Pool({ connectionString: queue.url, options: `-c role=${role}` });
  const limited = createApp({ connector: pgConnector(pool), tasks: [task], logger: silentLogger });
  const started = startWorker(limited, QUICK_RESCUE);
  const heard: string[] = [];
  started.worker.on("statement_refused", ({ error }) => heard.push((error as DatabaseError).sqlState ?? ""));
  started.worker.on("database_lost", () => heard.push("lost"));
  await until(() => runs === 1);
  await until(() => heard.length > 0);
  expect(heard).toEqual(["42501"]);
  expect(started.worker.isHealthy).toBe(true);
  await started.worker.stop();
  await pool.end();
  await queue.pool.query(`drop owned by ${role}; drop role ${role}`);
});

test("a worker whose own heartbeat was refused takes nobody for dead until the others could have given theirs", async () => {
  let runs = 0;
  const task = defineTask({ name: "t", run: () => runs++ });
  const foreign = defineTask({ name: "t" });
  let isRefused = false;
  const refusing: typeof queue.connector = {
    ...queue.connector,
    pool: {
      query: async (statement, values) => {
        if (!isRefused || statement.name !== "beat_worker") return queue.connector.pool.query(statement, values);
        throw new DatabaseError(statement.name, Object.assign(new Error("canceled"), { code: "57014" }));
      },
    },
  };
  const app = createApp({ connector: refusing, tasks: [task], logger: silentLogger });
  await using started = startWorker(app, QUICK_RESCUE);
  await until(async () => (await queue.pool.query("select from procrastinate_workers")).rowCount === 1);
  isRefused = true;
  await until(() => !started.worker.isHealthy);
  // Silent for longer than three quarters of its stall limit.
  await sleep(400);
  await queue.app([foreign]).defer(foreign, {}, { scheduleIn: { hours: 1 } });
  await leave(await deadWorker(), "ready = true, scheduled_at = null, wake_at = null");
  await sleep(500);
  expect(runs).toBe(0);
  isRefused = false;
  const backAt = performance.now();
  await until(() => runs === 1);
  expect(performance.now() - backAt).toBeGreaterThan(1000);
  await until(() => started.worker.isHealthy);
});
