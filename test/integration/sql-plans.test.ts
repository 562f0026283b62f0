import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SqlStatement, SqlValue } from "../../src/connector.ts";
import { createApp, defineTask, silentLogger } from "../../src/index.ts";
import { checkRunningJobs } from "../../src/sql/check-running-jobs.ts";
import { deleteOldJobs } from "../../src/sql/delete-old-jobs.ts";
import { endJobs } from "../../src/sql/end-jobs.ts";
import { fetchJob } from "../../src/sql/fetch-job.ts";
import { fetchJobs } from "../../src/sql/fetch-jobs.ts";
import { fetchLockedJobs } from "../../src/sql/fetch-locked-jobs.ts";
import { findUnlockedJobs } from "../../src/sql/find-unlocked-jobs.ts";
import { finishAndDeleteJobs, finishJobs } from "../../src/sql/finish-jobs.ts";
import { releaseJobs } from "../../src/sql/release-jobs.ts";
import { queueSql, tableNames } from "../../src/sql/statement.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { pgConnector } from "../support/pg-connector.ts";
import { costlyNodes, explain, type PlanNode } from "../support/query-plans.ts";
import { FAST } from "../support/worker-run.ts";

const BACKLOG = 200_000;
/** What a statement may cost in rows that it reads or sorts: far more than a batch, far less than the backlog. */
const FEW = 5000;

let database: TestDatabase;
let pool: pg.Pool;
/** The hot statements. */
const sent = new Map<string, SqlStatement>();

beforeAll(async () => {
  database = await createTestDatabase();
  pool = new pg.Pool({ connectionString: database.url, max: 8 });
  await record();
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

/** Works on a few jobs of every kind, to see the statements. */
async function record(): Promise<void> {
  const connector = pgConnector(pool);
  const query: typeof connector.pool.query = (statement, values) => {
    sent.set(statement.name, statement);
    return connector.pool.query(statement, values);
  };
  const plain = defineTask({ name: "plain", run: () => undefined });
  const locked = defineTask({
    name: "locked",
    lock: "l",
    retry: 1,
    run: (_args, { attempt }) => (attempt === 1 ? Promise.reject(new Error()) : 1),
  });
  const app = createApp({ connector: { ...connector, pool: { query } }, tasks: [plain, locked], logger: silentLogger });
  await app.batchDefer(plain, [{}, {}]);
  await app.createWorker({ ...FAST, wait: false }).run();
  await app.batchDefer(locked, [{}, {}, {}]);
  await app.defer(plain, {}, { scheduleIn: { milliseconds: 1 } });
  await app.createWorker({ ...FAST, wait: false, concurrency: 2 }).run();
  const queues = Array.from({ length: 65 }, (_, n) => `q${n}`);
  await app.createWorker({ ...FAST, wait: false, queues }).run();
  const sql = queueSql({ query }, tableNames());
  const none = { id: 0n, lease: 0 };
  for (const finish of [finishJobs, finishAndDeleteJobs]) {
    await finish(sql, 0n, [none]);
    await finish(sql, 0n, [none, { id: 1n, lease: 1 }]);
  }
  const request = { workerId: 0n, queues: ["q0"], limit: 1, fronts: [{ queue: "q0", priority: 0, id: 0n }] };
  await fetchJobs(sql, request);
  await fetchLockedJobs(sql, { ...request, window: 1, followers: 0, ownFollowers: 0 });
  await fetchJob(sql, 0n, { id: 0n, queue: "q0" });
  await endJobs(sql, 0n, [{ ...none, status: "failed" }]);
  await releaseJobs(sql, { workerId: 0n, jobs: [none], lockKeepers: [], withKeys: true });
  await checkRunningJobs(sql, 0n, [none]);
  await findUnlockedJobs(sql, [0n]);
  const keptMs = { succeeded: 0, failed: 0, cancelled: 0, aborted: 0 };
  await deleteOldJobs(sql, { after: 0n, limit: 1, keptMs, exclusive: true });
}

/** Fills the table and leaves its statistics as they are after a bulk load, or makes them current. */
async function fill(rows: string, analysed: boolean, count = BACKLOG): Promise<void> {
  await pool.query("truncate procrastinate_jobs");
  await pool.query(`alter table procrastinate_jobs set (autovacuum_enabled = ${analysed})`);
  await pool.query(`insert into procrastinate_jobs (queue_name, task_name, priority, lock, status, ready, wake_at, scheduled_at, finished_at, lease, worker_id)
    select 'q' || n % 3, 'plain', n % 5, ${rows} from generate_series(1, ${count}) n`);
  if (analysed) await pool.query("vacuum analyze procrastinate_jobs");
}

const LOADS = {
  "pending jobs": "null, 'todo', true, null, null, null, 0, null",
  "finished jobs": "null, 'succeeded', false, null, null, now(), 1, 1",
  "scheduled jobs": "null, 'todo', false, now() + n * interval '1 s', now() + n * interval '1 s', null, 0, null",
  "jobs waiting for one lock": "'one', 'todo', false, null, null, null, 0, null",
  "ready jobs over 1,000 locks": "'lock ' || n % 1000, 'todo', true, null, null, null, 0, null",
};

/** The plan of a statement that the worker sent, with other values. */
function explainSent(name: string, values: readonly SqlValue[], generic: boolean): Promise<PlanNode> {
  const found = sent.get(name);
  if (!found) throw new Error(`The worker did not send ${name}; it sent ${[...sent.keys()].join(", ")}.`);
  return explain(pool, { statement: found, values }, generic);
}

const QUEUES = "{q0,q1,q2}";
const LISTS: Readonly<Record<string, readonly SqlValue[]>> = {
  list_ready_queues: [1000, ""],
  probe_queues: [QUEUES],
};
const HOT: Readonly<Record<string, readonly SqlValue[]>> = {
  fetch_job: ["1", "q1", "1"],
  fetch_jobs: [QUEUES, 64, 64, "1"],
  fetch_jobs_from: ["{q0,q1,q1}", 64, 64, "1", "{4,4,0}", "{1,1,1}"],
  fetch_locked_jobs_from: ["{q0,q1,q1}", 64, 50, "1", 64, 10, 7, "{4,4,0}", "{1,1,1}"],
  fetch_locked_jobs: [QUEUES, 64, 50, "1", 64, 10, 7],
  finish_jobs: ["{1,2,3}", 1, 3, "1"],
  finish_jobs_of_leases: ["{1,2,3}", "{1,1,1}", 3, "1"],
  promote_locks: ['{"one","lock 1","lock 2"}'],
  wake_jobs: [100, null, "1", 50, QUEUES, "{}", 4, "1000"],
  delete_old_jobs: ["0", 1000, 0, 0, 0, 0, null, 0, true],
  ...LISTS,
};

test("listing the queues reads few of the jobs that run in them", async () => {
  await fill("null, 'doing', true, null, null, null, 1, 1", false);
  for (const [name, values] of Object.entries(LISTS)) {
    for (const generic of [false, true]) expect(costlyNodes(await explainSent(name, values, generic), FEW)).toEqual([]);
  }
});

test("what is written about a batch of jobs costs no more than a look at each, with statistics from before any job ran", async () => {
  // So few that a plan which compares all with all looks cheap, if one job seems to be running.
  const count = 10_000;
  await fill("null, 'todo', true, null, null, null, 0, null", true, count);
  await pool.query("alter table procrastinate_jobs set (autovacuum_enabled = false)");
  const { rows } = await pool.query(
    `update procrastinate_jobs set status = 'doing', lease = 1, worker_id = 1
     where id in (select id from procrastinate_jobs order by id limit 1000) returning id::text as id`,
  );
  const ids = rows.map(({ id }) => id as string);
  const [idArray, leases] = [`{${ids.join(",")}}`, `{${ids.map(() => 1).join(",")}}`];
  const retried = JSON.stringify(ids.map((id) => ({ id, lease: 1, delayMs: 0, detail: {} })));
  const ended = JSON.stringify(ids.map((id) => ({ id, lease: 1, status: "failed", detail: {} })));
  const writes: Readonly<Record<string, readonly SqlValue[]>> = {
    finish_jobs: [idArray, 1, 1000, "1"],
    finish_jobs_of_leases: [idArray, leases, 1000, "1"],
    finish_and_delete_jobs: [idArray, 1, 1000, "1"],
    finish_and_delete_jobs_of_leases: [idArray, leases, 1000, "1"],
    end_jobs: [ended, "1"],
    retry_jobs: [retried, "1", true],
    release_jobs: [idArray, leases, "{}", "{}", "1", true],
    check_running_jobs: [idArray, leases, "1"],
    find_unlocked_jobs: [idArray],
  };
  const costly: string[] = [];
  for (const [name, values] of Object.entries(writes)) {
    for (const generic of [false, true]) {
      const nodes = costlyNodes(await explainSent(name, values, generic), 2 * count);
      costly.push(...nodes.map((node) => `${name}, ${generic ? "generic" : "custom"}: ${node}`));
    }
  }
  expect(costly).toEqual([]);
});

test("a large claim of jobs with locks compares no lock with all others", async () => {
  for (const [locks, analysed] of [
    [1_000, false],
    [1_000, true],
    [BACKLOG, false],
    [BACKLOG, true],
  ] as const) {
    await fill(`'lock ' || n % ${locks}, 'todo', true, null, null, null, 0, null`, analysed);
    const nodes: string[] = [];
    for (const generic of [false, true]) {
      nodes.push(
        ...costlyNodes(
          await explainSent("fetch_locked_jobs", [QUEUES, 1000, 1000, "1", 1000, 1000, 7], generic),
          20_000,
        ),
      );
    }
    expect(nodes).toEqual([]);
  }
});

describe.each(Object.entries(LOADS))("before %s", (_load, rows) => {
  test.each([
    ["without statistics", false],
    ["with statistics", true],
  ])(
    "no hot statement reads or sorts the backlog, %s, with generic and custom plans",
    async (_statistics, analysed) => {
      await fill(rows, analysed);
      const costly: string[] = [];
      for (const [name, values] of Object.entries(HOT)) {
        for (const generic of [false, true]) {
          const nodes = costlyNodes(await explainSent(name, values, generic), FEW);
          costly.push(...nodes.map((node) => `${name}, ${generic ? "generic" : "custom"}: ${node}`));
        }
      }
      expect(costly).toEqual([]);
    },
  );
});
