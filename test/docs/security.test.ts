import { readFileSync } from "node:fs";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type App,
  createApp,
  defineTask,
  removeOldJobs,
  retryStrategy,
  silentLogger,
  type WorkerOptions,
} from "../../src/index.ts";
import { runDueJobs } from "../../src/testing/index.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { pgConnector } from "../support/pg-connector.ts";
import { runSql } from "../support/run-sql.ts";
import { until } from "../support/until.ts";
import { FAST, startWorker } from "../support/worker-run.ts";

const page = readFileSync(new URL("../../docs/security.md", import.meta.url), "utf8");
const blocks = [...page.matchAll(/```sql\n(.*?)```/gs)].map(([, sql]) => sql ?? "");
const [roles, web, webMore, worker, workerDeletes] = blocks as [string, string, string, string, string];
/** Roles belong to the server, on which other tests run, too. */
const own = (sql: string): string => sql.replaceAll(/shop_(web|worker)/g, `shop_$1_${process.pid}`);

let database: TestDatabase;
const pools: pg.Pool[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  await runSql(database.url, own(`${roles}; ${web}; ${worker}`));
});
afterAll(async () => {
  for (const pool of pools) await pool.end();
  const both = own("shop_web, shop_worker");
  await runSql(database.url, `drop owned by ${both}; drop role ${both}`);
  await database.drop();
});

const run = defineTask({
  name: "t",
  retry: retryStrategy({ maxAttempts: 1 }),
  run: async ({ how }: { how: string }, context) => {
    if (how === "fail") throw new Error("failed");
    if (how === "complete") await connectorOf("shop_worker").transaction((tx) => context.complete(tx, "done"));
  },
});
const contract = defineTask<{ how: string }>({ name: "t" });

function poolOf(role: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: database.url, max: 8, options: `-c role=${own(role)}` });
  pools.push(pool);
  return pool;
}

const connectorOf = (role: string) => pgConnector(poolOf(role));

function appOf(role: "shop_web" | "shop_worker"): App<pg.PoolClient> {
  const connector = connectorOf(role);
  return createApp({ connector, tasks: [role === "shop_web" ? contract : run], logger: silentLogger });
}

async function jobs(): Promise<{ how: string; status: string }[]> {
  return runSql(database.url, "select args->>'how' as how, status::text from procrastinate_jobs order by id");
}

const refused = { code: "42501" };

async function workOff(options: WorkerOptions = {}): Promise<void> {
  await using _worker = startWorker(appOf("shop_worker"), options);
  await until(async () => (await jobs()).every(({ status }) => status !== "todo" && status !== "doing"));
}

test("the page has the five blocks that are tried here", () => {
  expect(blocks).toHaveLength(5);
});

test("the role that defers can defer", async () => {
  const app = appOf("shop_web");
  expect(await app.checkHealth()).toEqual({ mayDefer: true, mayWork: false, isReadOnly: false });
  await app.defer(contract, { how: "succeed" });
  await app.defer(contract, { how: "complete" }, { lock: "l", scheduleIn: { milliseconds: 10 } });
  await app.batchDefer(contract, [{ how: "succeed" }, { how: "fail" }], { priority: 2 });
  const key = { queueingLock: "once" };
  const id = await app.defer(contract, { how: "succeed" }, key);
  expect(await app.defer(contract, { how: "ignored" }, { ...key, onConflict: "ignore" })).toBe(id);
  await expect(app.defer(contract, { how: "refused" }, key)).rejects.toMatchObject({ name: "AlreadyEnqueuedError" });
  const pool = poolOf("shop_web");
  const client = await pool.connect();
  await client.query("begin");
  await app.defer(contract, { how: "rolled back" }, { tx: client });
  await client.query("rollback");
  client.release();
  expect((await jobs()).map(({ how }) => how)).toEqual(["succeed", "complete", "succeed", "fail", "succeed"]);
});

test.each([
  "select args from procrastinate_jobs",
  "select result from procrastinate_jobs",
  "select * from procrastinate_jobs",
  "insert into procrastinate_jobs (task_name, status, finished_at) values ('t', 'succeeded', now())",
  "update procrastinate_jobs set ready = false",
  "update procrastinate_jobs set status = 'cancelled'",
  "delete from procrastinate_jobs",
  "truncate procrastinate_jobs",
  "select detail from procrastinate_events",
  "insert into procrastinate_events (job_id, type) values (1, 'failed')",
  "select name from procrastinate_workers",
  "insert into procrastinate_workers (name) values ('w')",
  "update procrastinate_workers set last_heartbeat = now()",
  "drop table procrastinate_jobs",
])("the role that defers is refused: %s", async (sql) => {
  await expect(poolOf("shop_web").query(sql)).rejects.toMatchObject(refused);
});

test("the role that defers cannot run a worker", async () => {
  const app = createApp({ connector: connectorOf("shop_web"), tasks: [run], logger: silentLogger });
  await expect(app.createWorker(FAST).run()).rejects.toMatchObject({ name: "DatabaseError", sqlState: "42501" });
});

test("the role that works can work, retry, complete in its transaction and rescue", async () => {
  const health = await appOf("shop_worker").checkHealth();
  expect(health).toEqual({ mayDefer: false, mayWork: true, isReadOnly: false });
  await runSql(
    database.url,
    `with dead as (insert into procrastinate_workers (name, last_heartbeat) values ('dead', now() - interval '1 hour') returning id)
     insert into procrastinate_jobs (task_name, args, status, worker_id, lease, lock, running_lock)
     select 't', '{"how": "rescued"}', 'doing', id, 1, 'r', 'r' from dead`,
  );
  await workOff();
  expect(await jobs()).toEqual([
    { how: "succeed", status: "succeeded" },
    { how: "complete", status: "succeeded" },
    { how: "succeed", status: "succeeded" },
    { how: "fail", status: "failed" },
    { how: "succeed", status: "succeeded" },
    { how: "rescued", status: "succeeded" },
  ]);
});

test.each([
  "insert into procrastinate_jobs (task_name) values ('t')",
  "update procrastinate_jobs set args = '{}'",
  "update procrastinate_jobs set task_name = 'other'",
  "delete from procrastinate_jobs",
  "truncate procrastinate_jobs",
  "select detail from procrastinate_events",
  "update procrastinate_events set detail = null",
  "delete from procrastinate_events",
  "alter table procrastinate_jobs add column x int",
])("the role that works is refused: %s", async (sql) => {
  await expect(poolOf("shop_worker").query(sql)).rejects.toMatchObject(refused);
});

test("the role that works cannot defer", async () => {
  const deferring = appOf("shop_worker").defer(run, { how: "succeed" });
  await expect(deferring).rejects.toMatchObject({ name: "DatabaseError", sqlState: "42501" });
});

test("the role that works fails to remove old jobs, and says why", async () => {
  await appOf("shop_web").defer(removeOldJobs, { maxHours: 0 });
  const { succeeded, failed } = await runDueJobs(appOf("shop_worker"));
  expect(succeeded).toEqual([]);
  expect(failed).toMatchObject([{ job: { taskName: removeOldJobs.name }, error: { sqlState: "42501" } }]);
});

test("with what the page grants besides, waiting jobs are replaced, batches taken back, and finished jobs deleted", async () => {
  const app = appOf("shop_web");
  const key = { queueingLock: "again" };
  const id = await app.defer(contract, { how: "old" }, { ...key, priority: 1, lock: "k" });
  const replace = () => app.defer(contract, { how: "new" }, { ...key, lock: "k", onConflict: "replace" });
  await expect(replace()).rejects.toMatchObject({ sqlState: "42501" });
  await runSql(database.url, own(`${webMore}; ${workerDeletes}`));
  expect(await replace()).toBe(id);
  const batch = app.batchDefer(contract, [{ how: "in vain" }], key);
  await expect(batch).rejects.toMatchObject({ name: "AlreadyEnqueuedError" });
  expect((await jobs()).at(-1)).toEqual({ how: "new", status: "todo" });
  await workOff({ deleteJobs: "always" });
  expect((await jobs()).map(({ how }) => how)).not.toContain("new");
});
