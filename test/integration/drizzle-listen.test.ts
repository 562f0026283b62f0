import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { drizzleConnector } from "../../drizzle/index.ts";
import type { NotificationHandler } from "../../src/connector.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { DRIZZLE_CONNECTIONS, type DrizzleConnection } from "../support/drizzle-connections.ts";
import { runSql } from "../support/run-sql.ts";
import { until } from "../support/until.ts";

/** Writes down what it is told. */
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
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await database.drop();
});

const notify = (payload: string) => runSql(database.url, `select pg_notify('${CHANNEL}', '${payload}')`);
/** The sessions of this test's database whose last statement began so. */
const sessions = (statement: string) =>
  runSql<{ pid: number }>(
    database.url,
    `select pid from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and query ilike '${statement}%'`,
  );
const terminate = async (statement: string) => {
  for (const { pid } of await sessions(statement)) await runSql(database.url, `select pg_terminate_backend(${pid})`);
};

const SERVERS = Object.entries(DRIZZLE_CONNECTIONS).filter(([name]) => !name.includes("PGlite"));

describe.each(SERVERS)("%s", (name, open) => {
  const reconnects = name.includes("postgres.js");
  let connection: DrizzleConnection;
  beforeAll(async () => {
    connection = await open(database.url);
  });
  afterAll(() => connection.close());

  test("listens again after its connection was killed", async () => {
    const log = createLog();
    const first = await connection.connector.listen?.(CHANNEL, log);
    expect(log).toMatchObject({ listening: 1, lost: [] });
    await terminate("listen");
    // postgres.js reconnects without a word; on node-postgres the worker listens anew.
    if (!reconnects) {
      await until(() => log.lost.length > 0);
      await first?.();
    }
    const second = reconnects ? first : await connection.connector.listen?.(CHANNEL, log);
    await until(() => log.listening === 2);
    await notify("back");
    await until(() => log.heard.length > 0);
    await second?.();
    await notify("unheard");
    const after = createLog();
    const third = await connection.connector.listen?.(CHANNEL, after);
    await notify("last");
    await until(() => after.heard.length > 0);
    await third?.();
    expect(log).toMatchObject({ heard: ["back"], listening: 2 });
    expect(log.lost).toHaveLength(reconnects ? 0 : 1);
    expect(after).toMatchObject({ heard: ["last"], listening: 1, lost: [] });
  });

  test("tells every listener of a channel, also when another one left", async () => {
    const [one, two] = [createLog(), createLog()];
    const unlistenOne = await connection.connector.listen?.(CHANNEL, one);
    const unlistenTwo = await connection.connector.listen?.(CHANNEL, two);
    await notify("both");
    await until(() => one.heard.length + two.heard.length === 2);
    await unlistenOne?.();
    await notify("one of them");
    await until(() => two.heard.length === 2);
    await unlistenTwo?.();
    expect(one.heard).toEqual(["both"]);
    expect(two.heard).toEqual(["both", "one of them"]);
  });

  test("listens no more after it was told to stop, however often", async () => {
    const fresh = await open(database.url);
    const before = (await sessions("listen")).length;
    const log = createLog();
    const unlisten = await fresh.connector.listen?.(CHANNEL, log);
    expect(await sessions("listen")).toHaveLength(before + 1);
    await unlisten?.();
    await unlisten?.();
    await until(async () => (await sessions("listen")).length === before);
    await fresh.close();
    expect(log).toMatchObject({ listening: 1, lost: [] });
  });

  test("rejects a transaction whose connection is lost, and goes on working", async () => {
    const { pool, transaction, using } = connection.connector;
    const cut = transaction(async (tx) => {
      await using(tx).query({ name: "first", text: "select 1 as one" }, []);
      await using(tx).query({ name: "sleep", text: "select pg_sleep(60)::text" }, []);
    });
    const rejected = expect(cut).rejects.toMatchObject({ name: "DatabaseError", isConnectionLoss: true });
    await until(async () => (await sessions("select pg_sleep")).length > 0);
    await terminate("select pg_sleep");
    await rejected;
    await until(() => pool.query({ name: "again", text: "select 1 as one" }, []).catch(() => undefined));
  });
});

describe("on node-postgres", () => {
  const pools: (pg.Pool | pg.Client)[] = [];
  afterEach(async () => {
    for (const pool of pools.splice(0)) await pool.end().catch(() => undefined);
  });
  const openPool = (config: pg.PoolConfig = {}) => {
    const pool = new pg.Pool({ connectionString: database.url, ...config });
    pools.push(pool);
    return pool;
  };

  test("does not take the last connection of a pool for listening", async () => {
    expect(await drizzleConnector(drizzle(openPool({ max: 1 }))).listen?.(CHANNEL, createLog())).toBeUndefined();
    const connector = drizzleConnector(drizzle(openPool({ max: 2 })));
    const unlisten = await connector.listen?.(CHANNEL, createLog());
    expect(await connector.listen?.(CHANNEL, createLog())).toBeUndefined();
    await unlisten?.();
    const again = await connector.listen?.(CHANNEL, createLog());
    expect(again).toBeDefined();
    await again?.();
  });

  test("counts no connection that could not be made", async () => {
    const connector = drizzleConnector(
      drizzle(openPool({ max: 2, host: "127.0.0.1", port: 1, connectionString: undefined })),
    );
    for (const _ of [1, 2, 3]) await expect(connector.listen?.(CHANNEL, createLog())).rejects.toThrow("ECONNREFUSED");
  });

  test("gives a lost connection back to the pool", async () => {
    const pool = openPool({ max: 2 });
    const log = createLog();
    await drizzleConnector(drizzle(pool)).listen?.(CHANNEL, log);
    expect(pool.totalCount).toBe(1);
    await terminate("listen");
    await until(() => log.lost.length > 0);
    expect(pool.totalCount).toBe(0);
  });

  // Vitest fails on an 'error' event that nobody listens to, as node does.
  test("survives the loss of idle connections and of those in the app's transactions", async () => {
    const db = drizzle(openPool());
    drizzleConnector(db);
    await Promise.all([db.execute("select pg_sleep(0.01)"), db.execute("select pg_sleep(0.01)")]);
    const ended = new Promise((resolve) => db.$client.once("remove", resolve));
    const cut = db.transaction(async (tx) => {
      await tx.execute("select 'in transaction'");
      await terminate("select pg_sleep");
      await terminate("select ''in transaction''");
      await ended;
      await tx.execute("select 1");
    });
    await expect(cut).rejects.toThrow();
    expect((await db.execute("select 1 as one")).rows).toEqual([{ one: 1 }]);
  });

  test("listens on the one client of an app without a pool, and leaves it usable", async () => {
    const client = new pg.Client({ connectionString: database.url });
    pools.push(client);
    await client.connect();
    const connector = drizzleConnector(drizzle(client));
    const log = createLog();
    const unlisten = await connector.listen?.(CHANNEL, log);
    await notify("heard");
    await until(() => log.heard.length > 0);
    await unlisten?.();
    await notify("unheard");
    expect(await connector.pool.query({ name: "one", text: "select 1 as one" }, [])).toEqual([{ one: 1 }]);
    expect(log).toMatchObject({ heard: ["heard"], lost: [] });
    await connector.listen?.(CHANNEL, log);
    await terminate("listen");
    await until(() => log.lost.length > 0);
    await expect(connector.listen?.(CHANNEL, log)).rejects.toThrow();
    expect(log.lost).toHaveLength(1);
  });
});

test("says that a driver without notifications has none", async () => {
  const remote = { execute: async () => [], transaction: async () => Promise.reject(new Error("not supported")) };
  expect(await drizzleConnector(remote).listen?.(CHANNEL, createLog())).toBeUndefined();
});
