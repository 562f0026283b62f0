import pg from "pg";
import { type App, type AppOptions, createApp } from "../../src/app.ts";
import type { Connector, SqlExecutor } from "../../src/connector.ts";
import type { JsonObject } from "../../src/json.ts";
import { silentLogger } from "../../src/logger.ts";
import type { AnyTask } from "../../src/task/task.ts";
import { createTestDatabase } from "./database.ts";
import { pgConnector } from "./pg-connector.ts";
import { until } from "./until.ts";

/** A row of the jobs table, as a test looks at it. */
export interface StoredJob {
  readonly id: bigint;
  readonly queue: string;
  readonly task: string;
  readonly priority: number;
  readonly lock: string | null;
  readonly queueingLock: string | null;
  readonly args: JsonObject;
  readonly status: string;
  readonly attempts: number;
  readonly scheduledAt: Date | null;
  readonly ready: boolean;
  readonly wakeAt: Date | null;
  readonly queueingKey: string | null;
}

/** A database with the queue's tables, reached through node-postgres, and a look at what happens there. */
export interface TestQueue {
  readonly url: string;
  readonly pool: pg.Pool;
  readonly connector: Connector<pg.PoolClient>;
  /** The names of the statements that were sent through the connector, in their order. */
  readonly sent: string[];
  app(tasks: readonly AnyTask[], options?: Partial<AppOptions<pg.PoolClient>>): App<pg.PoolClient>;
  /** Begins a transaction, runs `work` in it and commits; rolls back when that rejects. */
  transaction<T>(work: (tx: pg.PoolClient) => Promise<T>): Promise<T>;
  /** All jobs, by id. */
  jobs(): Promise<StoredJob[]>;
  /** Deletes all jobs and forgets what was sent. */
  clear(): Promise<void>;
  /** Waits until that many sessions wait for others to end their transactions. */
  untilBlocked(count?: number): Promise<void>;
  close(): Promise<void>;
}

const JOBS = `select id::text, queue_name as queue, task_name as task, priority, lock, queueing_lock as "queueingLock", args,
  status::text, attempts, scheduled_at as "scheduledAt", ready, wake_at as "wakeAt", queueing_key as "queueingKey"
  from procrastinate_jobs order by procrastinate_jobs.id`;
const BLOCKED =
  "select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";

export interface TestQueueOptions {
  /** Connections of the pool. Default: 10. */
  readonly max?: number;
  /** Settings of each session: `{ default_transaction_isolation: "serializable" }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Without the tables. Default: false. */
  readonly empty?: boolean;
}

/** Creates a database for one test file. Close it at the end. */
export async function openTestQueue({
  max = 10,
  settings = {},
  empty = false,
}: TestQueueOptions = {}): Promise<TestQueue> {
  const database = await createTestDatabase({ empty });
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value.replaceAll(" ", "\\ ")}`);
  const pool = new pg.Pool({ connectionString: database.url, max, options: options.join(" ") });
  // Of its own, so that looking on needs no connection that a test waits with.
  const look = new pg.Pool({ connectionString: database.url, max: 2 });
  // Tests that end connections would otherwise end the process with them.
  for (const each of [pool, look]) each.on("error", () => undefined);
  const sent: string[] = [];
  const connector = watched(pgConnector(pool), sent);
  return {
    url: database.url,
    pool,
    connector,
    sent,
    app: (tasks, more = {}) => createApp({ connector, tasks, logger: silentLogger, ...more }),
    transaction: (work) => connector.transaction(work),
    jobs: async () => (await look.query(JOBS)).rows.map((row) => ({ ...row, id: BigInt(row.id) })),
    clear: async () => {
      await look.query("delete from procrastinate_jobs");
      sent.length = 0;
    },
    untilBlocked: async (count = 1) => {
      const what = (): string => `${count} sessions wait for a lock`;
      await until(async () => (await look.query(BLOCKED)).rows[0].n >= count, { what });
    },
    close: async () => {
      if (!pool.ended) await pool.end();
      await look.end();
      await database.drop();
    },
  };
}

function watched(connector: Connector<pg.PoolClient>, sent: string[]): Connector<pg.PoolClient> {
  const watch = (executor: SqlExecutor): SqlExecutor => ({
    query(statement, values) {
      sent.push(statement.name);
      return executor.query(statement, values);
    },
  });
  return { ...connector, pool: watch(connector.pool), using: (tx) => watch(connector.using(tx)) };
}
