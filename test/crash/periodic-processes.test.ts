import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { spawnChild } from "../support/child.ts";
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

interface TickRow {
  readonly id: string;
  readonly tick: number;
  readonly jobs: number;
}

/** Each stored tick, and how many jobs there are for its time. */
const TICKS = `select d.periodic_id as id, d.defer_timestamp::int as tick, count(j.id)::int as jobs
  from procrastinate_periodic_defers d left join procrastinate_jobs j on j.id = d.job_id and (j.args ->> 'at')::bigint = d.defer_timestamp
  group by 1, 2 order by 1, 2`;
const ticksOf = async (): Promise<TickRow[]> => (await pool.query(TICKS)).rows;

test("two processes defer each tick once, none is left out, also when one of them is killed", async () => {
  const file = new URL("../support/fixtures/periodic-worker.ts", import.meta.url);
  const [first, second] = [1, 2].map(() => spawnChild(file, { env: { DATABASE_URL: database.url } }));
  await Promise.all([first?.waitForLine("started"), second?.waitForLine("started")]);
  const seen = (await ticksOf()).length;
  await until(async () => (await ticksOf()).length >= seen + 6);
  await first?.kill();
  const left = (await ticksOf()).length;
  await until(async () => (await ticksOf()).length >= left + 3);
  await second?.kill("SIGTERM");
  const ticks = await ticksOf();
  expect(ticks.every(({ jobs }) => jobs === 1)).toBe(true);
  for (const id of ["a", "b", "c"]) {
    const own = ticks.filter((tick) => tick.id === id).map(({ tick }) => tick);
    expect(own).toEqual(own.map((_, n) => (own[0] ?? 0) + n));
  }
  const { rows } = await pool.query("select count(*)::int as jobs from procrastinate_jobs");
  expect(rows).toEqual([{ jobs: ticks.length }]);
});
