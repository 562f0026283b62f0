import { PrismaPg } from "@prisma/adapter-pg";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type ListenSource, prismaConnector } from "../../prisma/index.ts";
import type { NotificationHandler } from "../../src/connector.ts";
import { createApp, defineTask, silentLogger } from "../../src/index.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { openPool } from "../support/prisma/connections.ts";
import { PrismaClient } from "../support/prisma/generated/client/client.ts";
import { runSql } from "../support/run-sql.ts";
import { until } from "../support/until.ts";
import { startWorker } from "../support/worker-run.ts";

interface Log extends NotificationHandler {
  readonly heard: string[];
  readonly lost: unknown[];
  listening: number;
}

function createLog(): Log {
  const log: Log = {
    heard: [],
    lost: [],
    listening: 0,
    onNotification: (payload) => log.heard.push(payload),
    onListening: () => log.listening++,
    onLost: (error) => log.lost.push(error),
  };
  return log;
}

const CHANNEL = "Odd.Channel name";
let database: TestDatabase;
const pools: pg.Pool[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.end();
});
afterAll(() => database.drop());

const SOURCES: Readonly<Record<string, (pool: pg.Pool) => ListenSource>> = {
  "the pool of the adapter": (pool) => pool,
  "the URL of the database": () => database.url,
};

function open(source?: (pool: pg.Pool) => ListenSource, config: pg.PoolConfig = {}) {
  const pool = openPool(database.url, config);
  pools.push(pool);
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
  return { pool, connector: prismaConnector(prisma, source ? { listen: source(pool) } : {}) };
}

const notify = (payload: string) => runSql(database.url, `select pg_notify('${CHANNEL}', '${payload}')`);
const listeners = () =>
  runSql<{ pid: number }>(
    database.url,
    `select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and query ilike 'listen%'`,
  );
const terminateListeners = async () => {
  for (const { pid } of await listeners()) await runSql(database.url, `select pg_terminate_backend(${pid})`);
};

test.each(Object.entries(SOURCES))("listens again with %s after the connection was killed", async (_name, source) => {
  const { connector } = open(source);
  const log = createLog();
  const first = await connector.listen?.(CHANNEL, log);
  expect(log).toMatchObject({ listening: 1, lost: [] });
  await terminateListeners();
  await until(() => log.lost.length > 0);
  await first?.();
  const second = await connector.listen?.(CHANNEL, log);
  await notify("back");
  await until(() => log.heard.length > 0);
  await second?.();
  expect(log).toMatchObject({ heard: ["back"], listening: 2 });
  expect(log.lost).toHaveLength(1);
});

test.each(Object.entries(SOURCES))("leaves no connection of %s listening after it stopped", async (_name, source) => {
  const { connector } = open(source);
  const unlisten = await connector.listen?.(CHANNEL, createLog());
  expect(await listeners()).toHaveLength(1);
  await unlisten?.();
  await unlisten?.();
  await until(async () => (await listeners()).length === 0);
});

test("listens on a connection of its own when it is given a URL, however small the pool", async () => {
  const { connector, pool } = open(SOURCES["the URL of the database"], { max: 1 });
  const log = createLog();
  const unlisten = await connector.listen?.(CHANNEL, log);
  expect(pool.totalCount).toBe(0);
  await connector.transaction((tx) =>
    connector.using(tx).query({ name: "notify", text: `select pg_notify('${CHANNEL}', 'x')::text` }, []),
  );
  await until(() => log.heard.length > 0);
  await unlisten?.();
});

test("does not take the last connection of a pool for listening", async () => {
  const { connector } = open(SOURCES["the pool of the adapter"], { max: 1 });
  expect(connector.maxConnections).toBe(1);
  expect(await connector.listen?.(CHANNEL, createLog())).toBeUndefined();
});

test("rejects when nobody answers under the URL, and counts nothing as listening", async () => {
  const { connector } = open(() => "postgresql://postgres@127.0.0.1:1/none");
  const log = createLog();
  await expect(connector.listen?.(CHANNEL, log)).rejects.toThrow("ECONNREFUSED");
  expect(log).toMatchObject({ listening: 0, lost: [] });
});

test("a worker without a way to listen polls, and says so once", async () => {
  const { connector } = open();
  const warnings: unknown[] = [];
  const logger = { ...silentLogger, isLevelEnabled: () => true, warn: (fields: object) => void warnings.push(fields) };
  const ran: bigint[] = [];
  const task = defineTask({ name: "polled", run: (_args, { job }) => ran.push(job.id) });
  const app = createApp({ connector, tasks: [task], logger });
  await using started = startWorker(app, { pollingInterval: { milliseconds: 50 } });
  await app.defer(task);
  await until(() => ran.length === 1);
  await app.defer(task);
  await until(() => ran.length === 2);
  await started.worker.stop();
  expect(warnings).toEqual([{ action: "listen_notify_disabled", connector: "prisma" }]);
});
