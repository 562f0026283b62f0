import type { PoolClient } from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Connector, SqlStatement, SqlValue } from "../../src/connector.ts";
import { createApp, defineTask, silentLogger } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

const MIB = 1024 * 1024;

/** Notes the lengths of the texts in which claimed jobs arrive. */
function measured(texts: number[]): Connector<PoolClient> {
  const query = async <Row extends object>(
    statement: SqlStatement,
    values: readonly SqlValue[],
  ): Promise<readonly Row[]> => {
    const rows = await queue.connector.pool.query<Row>(statement, values);
    const [row] = rows as readonly { jobs?: unknown }[];
    if (typeof row?.jobs === "string") texts.push(row.jobs.length);
    return rows;
  };
  return { ...queue.connector, pool: { query } };
}

test.each([
  ["compressed", "repeat('a', 10 * 1024 * 1024)", null, 5],
  ["out of line", "(select string_agg(md5(i::text || n::text), '') from generate_series(1, 320000) i)", null, 5],
  ["compressed, of one lock", "repeat('a', 10 * 1024 * 1024)", "l", 6],
])(
  "jobs whose arguments (%s) are more than one text can hold are claimed a few at a time",
  async (_how, text, lock, large) => {
    const lengths: number[] = [];
    const task = defineTask({
      name: "t",
      run: ({ x }: { n: number; x: string }) => lengths.push(x.length),
    });
    await queue.pool.query(
      `insert into procrastinate_jobs (task_name, lock, args)
     select 't', $1, jsonb_build_object('n', n, 'x', case when n <= 200 then '' else ${text} end) from generate_series(1, 200 + $2::int) n`,
      [lock, large],
    );
    const texts: number[] = [];
    const app = createApp({ connector: measured(texts), tasks: [task], logger: silentLogger });
    await using _worker = startWorker(app, { concurrency: 4 });
    await until(() => lengths.length === 200 + large, { timeoutMs: 25_000 });
    expect(lengths.filter((length) => length > 9 * MIB)).toHaveLength(large);
    // A claim begins no further job after 32 MiB, and what follows a head in its lane is no more than that.
    expect(Math.max(...texts)).toBeLessThan(45 * MIB);
  },
);
