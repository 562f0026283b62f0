import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createApp, defineTask, silentLogger } from "../../src/index.ts";
import { type Child, spawnChild } from "../support/child.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { pgConnector } from "../support/pg-connector.ts";
import { until } from "../support/until.ts";

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = new pg.Pool({ connectionString: database.url, max: 4 });
  await pool.query(
    "create table runs (at serial, n int); create table effects (n int); create table holders (lock text primary key, job int)",
  );
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const start = (maxRescues: number): Child =>
  spawnChild(new URL("./crashing-worker.ts", import.meta.url), {
    env: { DATABASE_URL: database.url, MAX_RESCUES: `${maxRescues}` },
  });
const count = async (sql: string): Promise<number> =>
  (await pool.query(`select count(*)::int as n from ${sql}`)).rows[0].n;
const unfinished = "procrastinate_jobs where status in ('todo', 'doing')";
const clear = () => pool.query("truncate procrastinate_jobs, procrastinate_events, runs, effects, holders");
const contracts = ["plain", "locked", "effect", "killer"].map((name) => defineTask<{ n: number }>({ name }));
const [plain, locked, effect, killer] = contracts as [...typeof contracts] & { length: 4 };

function openApp() {
  if (!plain || !locked || !effect || !killer) throw new Error("four tasks are defined above");
  const app = createApp({ connector: pgConnector(pool), tasks: contracts, logger: silentLogger });
  return { app, plain, locked, effect, killer };
}

test("workers that are killed again and again lose no job, and complete(tx) has exactly one effect per job", async () => {
  await clear();
  const { app, plain, locked, effect } = openApp();
  const upTo = (length: number) => Array.from({ length }, (_, n) => ({ n: n + 1 }));
  await app.batchDefer(plain, upTo(1500));
  await app.batchDefer(effect, upTo(800));
  for (let k = 0; k < 5; k++) await app.batchDefer(locked, upTo(60), { lock: `lock ${k}` });
  const total = 1500 + 800 + 300;
  // On a busy machine the same job may be hit by each kill, and a worker may be taken for dead without one.
  const workers = [start(100), start(100)];
  for (let round = 0; round < 4; round++) {
    const before = await count(unfinished);
    // Something was done since the last kill, so that each one hits a worker at work.
    await until(async () => (await count(unfinished)) < before - 100 || (await count(unfinished)) === 0, {
      timeoutMs: 25_000,
    });
    await workers[round % 2]?.kill("SIGKILL");
    // What the killed one held is not held by anybody.
    await pool.query("delete from holders");
    workers[round % 2] = start(100);
  }
  await until(async () => (await count(unfinished)) === 0, { timeoutMs: 25_000 });
  for (const worker of workers) expect(await worker.kill("SIGTERM")).toMatchObject({ code: 0 });
  const { rows: others } = await pool.query(
    `select j.id, j.task_name, j.status, j.rescues, json_agg(e.detail) as events from procrastinate_jobs j
     left join procrastinate_events e on e.job_id = j.id where j.status <> 'succeeded' group by 1`,
  );
  expect(others).toEqual([]);
  expect(await count("procrastinate_jobs")).toBe(total);
  expect(await count("effects")).toBe(800);
  expect(await count("(select distinct n from effects) e")).toBe(800);
  // A run that found the lock held noted a negative number.
  expect(await count("runs where n < 0")).toBe(0);
  expect(await count("procrastinate_workers")).toBe(0);
}, 90_000);

test("a job that kills its process every time fails in the end, and its neighbours succeed", async () => {
  await clear();
  const { app, plain, killer } = openApp();
  await app.defer(killer, { n: 0 });
  await app.batchDefer(
    plain,
    Array.from({ length: 200 }, (_, n) => ({ n })),
  );
  let worker = start(2);
  const isOver = async () => (await count(unfinished)) === 0;
  for (let round = 0; round < 10 && !(await isOver()); round++) {
    const died = worker.exited.then(({ signal }) => signal === "SIGKILL");
    let dead = false;
    void died.then((value) => {
      dead = value;
    });
    await until(async () => dead || (await isOver()), { timeoutMs: 20_000 });
    if (dead) worker = start(2);
  }
  expect(await worker.kill("SIGTERM")).toMatchObject({ code: 0 });
  const { rows } = await pool.query(
    "select task_name, status::text, count(*)::int from procrastinate_jobs group by 1, 2 order by 1",
  );
  expect(rows).toEqual([
    { task_name: "killer", status: "failed", count: 1 },
    { task_name: "plain", status: "succeeded", count: 200 },
  ]);
}, 90_000);
