import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createApp, defineTask, silentLogger } from "../../src/index.ts";
import { readMigrations } from "../support/migrations.ts";
import { pgConnector } from "../support/pg-connector.ts";
import { startPostgres, type TemporaryPostgres } from "../support/temporary-postgres.ts";
import { openTestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { FAST, gate, startWorker } from "../support/worker-run.ts";

let server: TemporaryPostgres;
let pool: pg.Pool;
beforeAll(async () => {
  server = await startPostgres();
  pool = new pg.Pool({ connectionString: server.url, max: 10 });
  pool.on("error", () => undefined);
  await pool.query(readMigrations());
});
afterAll(async () => {
  await pool.end();
  await server.stop();
});

test.each(["stopFast", "stopImmediate"] as const)(
  "a worker survives %s of Postgres and goes on when it is back",
  async (stop) => {
    const ran = new Map<number, number>();
    const task = defineTask({
      name: "t",
      run: async ({ n }: { n: number }) => {
        await new Promise((resolve) => setTimeout(resolve, 2));
        ran.set(n, (ran.get(n) ?? 0) + 1);
      },
    });
    const app = createApp({ connector: pgConnector(pool), tasks: [task], logger: silentLogger });
    await app.batchDefer(
      task,
      Array.from({ length: 2000 }, (_, n) => ({ n })),
    );
    await using started = startWorker(app, {
      concurrency: 10,
      stalledAfter: { seconds: 5 },
      heartbeatInterval: { seconds: 1 },
    });
    const downMs: number[] = [];
    let healthy = true;
    started.worker.on("database_lost", () => (healthy = started.worker.isHealthy));
    started.worker.on("database_back", (event) => downMs.push(event.downMs));
    await until(() => ran.size > 300);
    await server[stop]();
    await until(() => !healthy);
    const backAt = performance.now();
    await server.startAgain();
    await until(() => downMs.length > 0);
    expect(performance.now() - backAt).toBeLessThan(10_000);
    await until(() => ran.size === 2000);
    await until(async () => {
      const { rows } = await pool.query("select status::text, count(*)::int from procrastinate_jobs group by 1");
      expect(rows).toEqual([{ status: "succeeded", count: 2000 }]);
      return true;
    });
    expect(started.worker.isHealthy).toBe(true);
    await started.worker.stop();
    await pool.query("delete from procrastinate_jobs");
  },
);

test("an outage that is longer than the limit makes nobody take living workers for dead", async () => {
  const held = gate();
  let runs = 0;
  const task = defineTask({
    name: "t",
    run: async () => {
      runs++;
      await held.opened;
    },
  });
  const wide = new pg.Pool({ connectionString: server.url, max: 30 });
  const app = createApp({ connector: pgConnector(wide), tasks: [task], logger: silentLogger });
  await app.batchDefer(task, Array(20).fill({}));
  const started = Array.from({ length: 6 }, () => startWorker(app, { concurrency: 4, stalledAfter: { seconds: 1.5 } }));
  const back = new Set<unknown>();
  const rescues: unknown[] = [];
  let running = 0;
  for (const { worker } of started) worker.on("start_worker", () => running++);
  for (const { worker } of started) worker.on("database_back", () => back.add(worker));
  for (const { worker } of started) worker.on("jobs_rescued", (event) => rescues.push(event));
  // Five of them have slots for all jobs, and one that has not started yet would not outlive the stop.
  await until(() => running === 6 && runs === 20);
  await server.stopFast();
  // The outage itself: longer than `stalledAfter`, so that each of them looks dead when the server is back.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  await server.startAgain();
  await until(() => back.size === 6);
  const fresh = "select 1 from procrastinate_workers where last_heartbeat > now() - interval '200 ms'";
  await until(async () => (await pool.query(fresh)).rowCount === 6);
  held.open();
  const succeeded = "select 1 from procrastinate_jobs where status = 'succeeded'";
  await until(async () => (await pool.query(succeeded)).rowCount === 20);
  await Promise.all(started.map(({ worker }) => worker.stop()));
  await wide.end();
  expect([runs, rescues]).toEqual([20, []]);
  await pool.query("delete from procrastinate_jobs");
});

test("a worker survives that its connections are ended one by one, also the listening one", async () => {
  const queue = await openTestQueue();
  queue.pool.on("error", () => undefined);
  let ran = 0;
  const task = defineTask({ name: "t", run: () => ran++ });
  const app = queue.app([task]);
  const look = new pg.Client({ connectionString: queue.url });
  await look.connect();
  const worker = startWorker(app, { pollingInterval: { seconds: 60 } });
  let listening = 0;
  worker.worker.on("listening", () => listening++);
  for (let round = 1; round <= 3; round++) {
    await until(() => listening >= round);
    const others = "pid <> pg_backend_pid() and datname = current_database()";
    await look.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${others}`);
    await until(() => listening > round);
    await until(() => app.defer(task));
    await until(() => ran >= round);
  }
  await worker.worker.stop();
  await look.end();
  await queue.close();
});

test("an idle worker is woken by a notification, also by one it cannot read, and polls where it cannot listen", async () => {
  const queue = await openTestQueue();
  const ran: string[] = [];
  const task = defineTask({ name: "t", run: ({ how }: { how: string }) => ran.push(how) });
  const app = queue.app([task]);
  const listening = startWorker(app, { pollingInterval: { seconds: 60 } });
  const isIdle = async () => (await queue.pool.query("select 1 from procrastinate_workers where idle")).rowCount === 1;
  await until(isIdle);
  for (const payload of ["", "garbage", "[1]", '{"queue":7,"delayMs":"x"}', '{"delayMs":-1e99}']) {
    await queue.pool.query("select pg_notify('procrastinate_jobs', $1)", [payload]);
  }
  await app.defer(task, { how: "notified" });
  await until(() => ran.length === 1);
  await listening.worker.stop();
  const disabled: string[] = [];
  const { listen: _listen, ...deaf } = queue.connector;
  const polling = startWorker(createApp({ connector: deaf, tasks: [task], logger: silentLogger }), {
    pollingInterval: { milliseconds: 50 },
  });
  polling.worker.on("listen_notify_disabled", ({ connector }) => disabled.push(connector));
  await until(() => disabled.length === 1);
  await app.defer(task, { how: "polled" });
  await until(() => ran.length === 2);
  await polling.worker.stop();
  await queue.close();
});

test("a transaction that deferred before the worker was idle, and commits after, is found soon", async () => {
  const queue = await openTestQueue();
  let ran = 0;
  const task = defineTask({ name: "t", run: () => ran++ });
  const app = queue.app([task]);
  let worker: ReturnType<typeof startWorker> | undefined;
  await queue.transaction(async (tx) => {
    await app.defer(task, {}, { tx });
    worker = startWorker(app, { pollingInterval: { seconds: 60 }, ...FAST });
    await until(async () => (await queue.pool.query("select 1 from procrastinate_workers where idle")).rowCount === 1);
  });
  // The polls of 10, 20, 40 ms … come long before the one of 60 s.
  await until(() => ran === 1);
  await worker?.worker.stop();
  await queue.close();
});
