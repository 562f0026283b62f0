import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { defineTask } from "../../src/index.ts";
import { beatWorker, registerWorker } from "../../src/sql/beat-worker.ts";
import { fetchLockedJobs } from "../../src/sql/fetch-locked-jobs.ts";
import { queueSql, tableNames } from "../../src/sql/statement.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { gate, QUICK_RESCUE, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue({ max: 20 });
});
beforeEach(async () => {
  await queue.clear();
  await queue.pool.query("truncate procrastinate_workers, procrastinate_events");
});
afterAll(() => queue.close());

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const SILENT = { heartbeatInterval: { seconds: 30 }, stalledAfter: { seconds: 60 } };

/** A worker that holds jobs as a dying one does, and then gives no sign of life: its handlers never end by themselves. */
async function dying(jobs: number, options: { lock?: string | null; concurrency?: number; longMs?: number }) {
  const end = gate();
  const ran: number[] = [];
  const begun: number[] = [];
  const held = defineTask({
    name: "t",
    run: async ({ n }: { n: number }) => {
      begun.push(n);
      if (n >= 30) await end.opened;
    },
  });
  const free = defineTask({ name: "t", run: ({ n }: { n: number }) => ran.push(n) });
  const app = queue.app([held]);
  await app.batchDefer(
    held,
    upTo(jobs).map((n) => ({ n })),
    { lock: options.lock ?? null },
  );
  const started = startWorker(app, { ...SILENT, concurrency: options.concurrency ?? 1 });
  await until(() => begun.length === 30 + (options.concurrency ?? 1));
  await until(async () => (await queue.jobs()).filter(({ status }) => status === "succeeded").length === 30);
  return { end, ran, started, heir: queue.app([free]) };
}

const die = () => queue.pool.query("update procrastinate_workers set last_heartbeat = now() - interval '1 hour'");
const doing = async () =>
  (
    await queue.pool.query(
      "select ready, wake_at::text as wake, lock, running_lock as running from procrastinate_jobs where status = 'doing'",
    )
  ).rows;

test("jobs that a worker had running and fetched ahead are run by another one", async () => {
  const { end, ran, started, heir } = await dying(80, { concurrency: 3 });
  expect((await doing()).length).toBeGreaterThan(3);
  await die();
  await using _heir = startWorker(heir, QUICK_RESCUE);
  await until(() => ran.length === 50);
  expect(ran.toSorted((a, b) => a - b)).toEqual(upTo(80).slice(30));
  end.open();
  await started.worker.stop();
});

test("a lane of a dead worker goes on in order under its lock", async () => {
  const ran: number[] = [];
  const task = defineTask({ name: "t", lock: "l", run: ({ n }: { n: number }) => ran.push(n) });
  const app = queue.app([task]);
  await app.batchDefer(
    task,
    upTo(50).map((n) => ({ n })),
  );
  const sql = queueSql(queue.connector.pool, tableNames());
  const { id: workerId } = await registerWorker(sql, { name: "dead", queues: undefined });
  const request = { workerId, queues: ["default"], limit: 20, window: 20, followers: 19, ownFollowers: 0 };
  const { jobs } = await fetchLockedJobs(sql, request);
  expect(jobs).toHaveLength(20);
  expect((await doing()).filter(({ running }) => running === "l")).toHaveLength(1);
  await die();
  await using _heir = startWorker(app, { concurrency: 5 });
  await until(() => ran.length === 50);
  expect(ran).toEqual(upTo(50));
});

test("jobs that run for long, and so have left the fetch index, are found and run again", async () => {
  const { end, ran, started, heir } = await dying(33, { concurrency: 3 });
  await until(async () => (await doing()).every(({ ready, wake }) => !ready && wake === "infinity"));
  await die();
  await using _heir = startWorker(heir, QUICK_RESCUE);
  await until(() => ran.length === 3);
  expect(ran.toSorted()).toEqual([30, 31, 32]);
  end.open();
  await started.worker.stop();
});

test("the dead are found within the limit, by a worker that has nothing else to do and cannot listen", async () => {
  const { end, ran, started, heir } = await dying(31, {});
  await using _heir = startWorker(heir, {
    ...QUICK_RESCUE,
    listen: false,
    pollingInterval: { seconds: 60 },
    stalledAfter: { seconds: 1 },
  });
  const looks = (): number => queue.sent.filter((name) => name === "list_stalled_workers").length;
  await until(() => looks() >= 2);
  const died = performance.now();
  await queue.pool.query(
    "update procrastinate_workers set last_heartbeat = now() where id = (select min(id) from procrastinate_workers)",
  );
  await until(() => ran.length === 1);
  const took = performance.now() - died;
  expect(took).toBeGreaterThanOrEqual(995);
  // Looking twice within the limit, it would be 1.5 s. The rest is for a busy machine.
  expect(took).toBeLessThan(1400);
  end.open();
  await started.worker.stop();
});

test("ten workers that rescue at once take every job once", async () => {
  const { end, ran, started, heir } = await dying(400, { concurrency: 2 });
  const rescued: number[] = [];
  await die();
  const heirs = upTo(10).map(() => startWorker(heir, { ...QUICK_RESCUE, concurrency: 2 }));
  for (const { worker } of heirs) worker.on("jobs_rescued", (event) => rescued.push(event.rescued));
  await until(() => ran.length === 370);
  await Promise.all(heirs.map(({ worker }) => worker.stop()));
  expect(ran.toSorted((a, b) => a - b)).toEqual(upTo(400).slice(30));
  const events = await queue.pool.query("select job_id from procrastinate_events where type = 'rescued'");
  expect(events.rowCount).toBe(rescued.reduce((sum, count) => sum + count, 0));
  expect(new Set(events.rows.map(({ job_id }) => job_id)).size).toBe(events.rowCount);
  end.open();
  await started.worker.stop();
});

test("with maxRescues: 0 what ran on a dead worker fails, and its lock is free", async () => {
  const { end, ran, started, heir } = await dying(32, { lock: "l" });
  await queue.pool.query("update procrastinate_jobs set rescues = 1 where args->>'n' <> '30'");
  await die();
  await using _heir = startWorker(heir, { ...QUICK_RESCUE, maxRescues: 0 });
  await until(() => ran.length === 1);
  expect(ran).toEqual([31]);
  const { rows } = await queue.pool.query(
    "select status::text, attempts, rescues, running_lock from procrastinate_jobs where args->>'n' = '30'",
  );
  expect(rows).toEqual([{ status: "failed", attempts: 0, rescues: 1, running_lock: null }]);
  end.open();
  await started.worker.stop();
});

test("a rescued job keeps its priority, its schedule and its place before later ones of its lock", async () => {
  const order: string[] = [];
  const task = defineTask({ name: "t", lock: "l", run: ({ name }: { name: string }) => order.push(name) });
  const app = queue.app([task]);
  await app.defer(task, { name: "rescued" }, { priority: 1 });
  const { rows } = await queue.pool.query(
    "insert into procrastinate_workers (last_heartbeat) values (now() - interval '1 hour') returning id::text",
  );
  await queue.pool.query(
    "update procrastinate_jobs set status = 'doing', worker_id = $1, lease = 5, running_lock = 'l', started_at = now()",
    [rows[0].id],
  );
  await app.defer(task, { name: "later" }, { priority: 1 });
  await app.defer(task, { name: "less urgent" });
  await using _worker = startWorker(app, { ...QUICK_RESCUE, concurrency: 3 });
  await until(() => order.length === 3);
  expect(order).toEqual(["rescued", "later", "less urgent"]);
});

test("a worker whose row another one wrote anew says again how it is called and what it works on", async () => {
  const app = queue.app([defineTask({ name: "t", run: () => 1 })]);
  await using _worker = startWorker(app, { name: "mailer", queues: ["mail"] });
  const workers = async () => (await queue.pool.query("select id, name, queues from procrastinate_workers")).rows;
  await until(async () => (await workers()).length === 1);
  // As the look for jobs of unknown workers does it.
  await queue.pool.query("update procrastinate_workers set name = 'lost worker', queues = null");
  await until(async () => (await workers())[0].name === "mailer");
  expect(await workers()).toMatchObject([{ name: "mailer", queues: ["mail"] }]);
});

test("a lane takes no room of jobs that come before its followers", async () => {
  const task = defineTask({ name: "t" });
  const app = queue.app([task]);
  await app.defer(task, {}, { lock: "l", priority: 9 });
  await app.batchDefer(task, Array(9).fill({}), { lock: "l" });
  await app.batchDefer(task, Array(9).fill({}), { priority: 5 });
  const sql = queueSql(queue.connector.pool, tableNames());
  const worker = await registerWorker(sql, { name: "w", queues: undefined });
  const request = { workerId: worker.id, queues: ["default"], limit: 10, window: 20, followers: 9, ownFollowers: 8 };
  const { jobs } = await fetchLockedJobs(sql, request);
  expect(jobs.map(({ priority }) => priority)).toEqual([9, ...Array(9).fill(5)]);
});

test("a heartbeat stores no long list of queues anew", async () => {
  const sql = queueSql(queue.connector.pool, tableNames());
  // Hashes, or Postgres would store them in the row.
  const hashes = await queue.pool.query("select md5(n::text) as name from generate_series(1, 1000) n");
  const worker = { name: "w", queues: hashes.rows.map(({ name }) => name as string) };
  const { id } = await registerWorker(sql, worker);
  const stored = `select pg_relation_size(reltoastrelid) as bytes from pg_class where oid = 'procrastinate_workers'::regclass`;
  const before = (await queue.pool.query(stored)).rows;
  for (let beat = 0; beat < 10; beat++) await beatWorker(sql, { ...worker, id, idle: false });
  expect(Number(before[0].bytes)).toBeGreaterThan(0);
  expect((await queue.pool.query(stored)).rows).toEqual(before);
});
