import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Child, spawnChild } from "../support/child.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { until } from "../support/until.ts";

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = new pg.Pool({ connectionString: database.url, max: 2 });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

/**
 * $1 jobs with an event each: of ten, four succeeded long ago; the others succeeded lately, failed long ago, are scheduled
 * for later, or wait and are run meanwhile.
 */
const INSERT = `with inserted as (
    insert into procrastinate_jobs (task_name, status, ready, wake_at, scheduled_at, deferred_at, finished_at)
    select 't', (case when n % 10 < 5 then 'succeeded' when n % 10 < 7 then 'failed' else 'todo' end)::procrastinate_job_status,
      n % 10 >= 8, case when n % 10 = 7 then now() + interval '1 day' end, case when n % 10 = 7 then now() + interval '1 day' end,
      now() - interval '20 days', case when n % 10 < 4 or n % 10 in (5, 6) then now() - interval '10 days' when n % 10 = 4 then now() end
    from generate_series(1, $1::int) n returning id
  ) insert into procrastinate_events (job_id, type) select id, 'retried' from inserted`;
const COUNT = `select count(*) filter (where finished_at < now() - interval '7 days' and status = 'succeeded')::int as old,
    count(*) filter (where finished_at >= now() - interval '7 days' and status = 'succeeded')::int as young,
    count(*) filter (where status = 'failed')::int as failed,
    count(*) filter (where scheduled_at is not null and status = 'todo')::int as later,
    (select count(*)::int from procrastinate_events where type = 'retried') as events
  from procrastinate_jobs`;
const DEADLOCKS = "select deadlocks::int from pg_stat_database where datname = current_database()";
const deletedBy = ({ lines }: Child): number =>
  lines.reduce((sum, line) => sum + Number(/^deleted (\d+)$/.exec(line)?.[1] ?? 0), 0);

test("two processes delete old jobs side by side, each once, nothing but what is old, and none fails", async () => {
  const file = new URL("../support/fixtures/retention-worker.ts", import.meta.url);
  await pool.query(INSERT, [5000]);
  let jobs = 5000;
  const workers = [1, 2].map(() => spawnChild(file, { env: { DATABASE_URL: database.url } }));
  await Promise.all(workers.map((worker) => worker.waitForLine("started")));
  const deleted = (): number => workers.reduce((sum, worker) => sum + deletedBy(worker), 0);
  const haveAllDeleted = async (): Promise<boolean> => {
    // Never far ahead of them, however slow they are.
    if (deleted() < (jobs / 10) * 4 - 1000) return false;
    await pool.query(INSERT, [500]);
    jobs += 500;
    return workers.every((worker) => deletedBy(worker) > 1000);
  };
  await until(haveAllDeleted, { timeoutMs: 30_000 });
  const tenth = jobs / 10;
  const left = { old: 0, young: tenth * 3, failed: tenth * 2, later: tenth, events: tenth * 6 };
  // All that is old is gone and was told of, and what waited has run.
  const isDone = async (): Promise<boolean> => {
    const { young } = (await pool.query(COUNT)).rows[0];
    return young === left.young && deleted() === tenth * 4;
  };
  const what = (): string => `all old jobs are gone: ${JSON.stringify(workers.map(deletedBy))}`;
  await until(isDone, { timeoutMs: 30_000, what });
  const exits = await Promise.all(workers.map((worker) => worker.kill("SIGTERM")));
  expect((await pool.query(COUNT)).rows).toEqual([left]);
  expect(exits).toEqual([
    { code: 0, signal: null },
    { code: 0, signal: null },
  ]);
  expect(workers.flatMap(({ errors }) => errors)).toEqual([]);
  expect((await pool.query(DEADLOCKS)).rows).toEqual([{ deadlocks: 0 }]);
});
