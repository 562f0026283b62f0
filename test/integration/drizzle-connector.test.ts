import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DrizzleConnectorOptions, drizzleConnector } from "../../drizzle/index.ts";
import type { SqlStatement } from "../../src/connector.ts";
import { ConnectorError, createApp, DatabaseError, defineTask, silentLogger } from "../../src/index.ts";
import { runDueJobs } from "../../src/testing/index.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { DRIZZLE_CONNECTIONS, type DrizzleConnection } from "../support/drizzle-connections.ts";
import { until } from "../support/until.ts";

const statement = (text: string): SqlStatement => ({ name: "test", text });

describe.each(Object.entries(DRIZZLE_CONNECTIONS))("%s", (name, open) => {
  let database: TestDatabase;
  let connection: DrizzleConnection;

  beforeAll(async () => {
    database = await createTestDatabase();
    connection = await open(database.url);
  });
  afterAll(async () => {
    await connection.close();
    await database.drop();
  });

  test("carries every kind of parameter and result unchanged", async () => {
    const json = JSON.stringify({ text: `é"\\'$1 ${"\u2028"}`, list: [1.5, null, true], big: "9007199254740993" });
    const [row] = await connection.connector.pool.query(
      statement(`select $1::text as text, $2::int as int, $3::float8 as float, $4::boolean as bool, $5::text as nothing,
        $6::text::jsonb::text as json, $7::text::bigint::text as big, $1::text as again,
        extract(epoch from to_timestamp($8::float8 / 1000))::float8 * 1000 as ms`),
      ["x", -1, 0.5, false, null, json, "9007199254740993", 1_772_600_767_089],
    );
    expect({ ...row, json: JSON.parse((row as { json: string }).json) }).toEqual({
      text: "x",
      int: -1,
      float: 0.5,
      bool: false,
      nothing: null,
      json: JSON.parse(json),
      big: "9007199254740993",
      again: "x",
      ms: 1_772_600_767_089,
    });
  });

  test("commits a job with the caller's writes, and rolls it back with them", async () => {
    const ran: string[] = [];
    const task = defineTask({ name: "note", run: ({ text }: { text: string }) => ran.push(text) });
    const app = createApp({ connector: connection.connector, tasks: [task], logger: silentLogger });
    await app.checkHealth();
    await connection.db.execute(sql`create table if not exists notes (text text)`);
    await connection.db.transaction(async (tx) => {
      await tx.execute(sql`insert into notes values ('kept')`);
      await app.defer(task, { text: "kept" }, { tx });
    });
    const failing = connection.db.transaction(async (tx) => {
      await tx.execute(sql`insert into notes values ('lost')`);
      await app.defer(task, { text: "lost" }, { tx });
      throw new Error("rolled back");
    });
    await expect(failing).rejects.toThrow("rolled back");
    const run = await runDueJobs(app);
    expect(run.succeeded).toHaveLength(1);
    expect(ran).toEqual(["kept"]);
  });

  test("completes a job in the handler's transaction", async () => {
    await connection.db.execute(sql`create table if not exists effects (id int unique)`);
    const effect = defineTask({
      name: "effect",
      run: (_args, context) =>
        connection.db.transaction(async (tx) => {
          await tx.execute(sql`insert into effects values (1)`);
          await context.complete(tx, { done: true });
        }),
    });
    const app = createApp({ connector: connection.connector, tasks: [effect], logger: silentLogger });
    const id = await app.defer(effect);
    expect(await runDueJobs(app)).toMatchObject({ succeeded: [{ id }], failed: [], retried: [] });
    const [job] = await connection.connector.pool.query(
      statement("select status::text, result->>'done' as done from procrastinate_jobs where id = $1::text::bigint"),
      [String(id)],
    );
    expect(job).toEqual({ status: "succeeded", done: "true" });
  });

  test("tells the SQLSTATE and the constraint of what Postgres refuses, also inside a transaction", async () => {
    const insert = statement("insert into procrastinate_jobs (task_name, queueing_key) values ('t', 'key')");
    const { pool, using } = connection.connector;
    await pool.query(insert, []);
    const unique = { sqlState: "23505", constraint: "procrastinate_jobs_queueing_key_idx" };
    await expect(pool.query(insert, [])).rejects.toMatchObject(unique);
    const inside = connection.db.transaction(async (tx) => {
      await expect(using(tx).query(insert, [])).rejects.toMatchObject(unique);
      throw new Error("over");
    });
    await expect(inside).rejects.toThrow("over");
    await expect(pool.query(statement("select * from nowhere"), [])).rejects.toMatchObject({ sqlState: "42P01" });
    await expect(pool.query(statement("select * from nowhere"), [])).rejects.toBeInstanceOf(DatabaseError);
  });

  test("hears notifications of committed transactions, and stops when it is told to", async () => {
    const heard: string[] = [];
    let listening = 0;
    const unlisten = await connection.connector.listen?.("Odd.Channel name", {
      onNotification: (payload) => heard.push(payload),
      onListening: () => listening++,
      onLost: () => undefined,
    });
    expect(listening).toBe(1);
    const notify = (payload: string) => sql`select pg_notify('Odd.Channel name', ${payload})::text`;
    const rolledBack = connection.db.transaction(async (tx) => {
      await tx.execute(notify("rolled back"));
      throw new Error("over");
    });
    await expect(rolledBack).rejects.toThrow("over");
    await connection.db.transaction(async (tx) => {
      await tx.execute(notify("committed"));
    });
    await until(() => heard.length > 0);
    await unlisten?.();
    await connection.db.execute(notify("later"));
    expect(heard).toEqual(["committed"]);
  });

  describe("prepared statements", () => {
    const task = defineTask({ name: "prepared", queue: "prepared" });
    const inserts = `from pg_prepared_statements where statement ~ 'insert into[^$]*procrastinate_jobs'`;
    const prepared = async (options?: DrizzleConnectorOptions) => {
      const { db } = connection;
      const connector = drizzleConnector(db, options);
      const app = createApp({ connector, tasks: [task], logger: silentLogger });
      const count = statement(`select coalesce(sum(custom_plans + generic_plans), 0)::int as n ${inserts}`);
      return db.transaction(async (tx) => {
        const runs = async () => (await connector.using(tx).query<{ n: number }>(count, []))[0]?.n ?? 0;
        const before = await runs();
        await app.defer(task, {}, { tx });
        await app.defer(task, {}, { tx });
        await app.batchDefer(task, [{}, {}], { tx });
        return (await runs()) - before;
      });
    };
    const isPGlite = name.includes("PGlite");

    test("are deferrals, unless told otherwise", async () => {
      expect(await prepared({ prepare: false })).toBe(0);
      expect(await prepared({ prepare: true })).toBe(isPGlite ? 0 : 3);
      expect(await prepared()).toBe(isPGlite ? 0 : 3);
      const count = statement("select count(*)::int as n from procrastinate_jobs where queue_name = 'prepared'");
      expect(await connection.connector.pool.query(count, [])).toEqual([{ n: 12 }]);
    });

    test("that somebody discards are sent again, and no more prepared", async () => {
      const own = await open(database.url);
      const { pool } = own.connector;
      const app = createApp({ connector: own.connector, tasks: [task], logger: silentLogger });
      const discardAll = (): Promise<unknown> =>
        Promise.all(Array.from({ length: 20 }, () => pool.query(statement("deallocate all"), [])));
      const before = await app.jobs.count();
      for (let n = 0; n < 5; n++) {
        await app.defer(task);
        await discardAll();
      }
      expect((await app.jobs.count()).todo).toBe(before.todo + 5);
      await own.close();
    });
  });

  test("refuses what is no transaction of Drizzle", () => {
    const prisma = { $queryRawUnsafe: () => undefined };
    expect(() => connection.connector.using(prisma as never)).toThrow(ConnectorError);
    expect(() => connection.connector.using(connection.db as never)).toThrow(/is the database, not a transaction/);
    expect(() => drizzleConnector(prisma as never)).toThrow(/not a Drizzle database/);
    expect(() => drizzleConnector(connection.db, { prepare: 1 as never })).toThrow(/prepare: 1 is not true or false/);
    expect(() => drizzleConnector(connection.db, { named: true } as never)).toThrow(/option that does not exist/);
  });

  test("says what is wrong when the pool is closed", async () => {
    const closed = await open(database.url);
    await closed.close();
    const app = createApp({ connector: closed.connector, tasks: [defineTask({ name: "t" })], logger: silentLogger });
    const failed = {
      name: "ConnectorError",
      message: expect.stringMatching(/pool of the app is closed \(.*\)\. Stop/),
    };
    await expect(app.defer(app.getTask("t"))).rejects.toMatchObject(failed);
    await expect(closed.connector.transaction(async () => 1)).rejects.toMatchObject(failed);
  });

  test("gives what a transaction's work gives, and rejects with what it throws", async () => {
    const { pool, transaction, using } = connection.connector;
    await connection.db.execute(sql`create table if not exists counted (id int)`);
    const insert = statement("insert into counted values (1) returning id");
    expect(await transaction(async (tx) => using(tx).query(insert, []))).toEqual([{ id: 1 }]);
    const reason = new Error("mine");
    const failing = transaction(async (tx) => {
      await using(tx).query(insert, []);
      throw reason;
    });
    await expect(failing).rejects.toBe(reason);
    expect(await pool.query(statement("select count(*)::int as n from counted"), [])).toEqual([{ n: 1 }]);
  });

  test("rolls back to a savepoint of the app with what was deferred since", async () => {
    const task = defineTask({ name: "nested", queue: "nested" });
    const app = createApp({ connector: connection.connector, tasks: [task], logger: silentLogger });
    await connection.db.transaction(async (tx) => {
      await app.defer(task, {}, { tx });
      const inner = (tx as typeof connection.db & typeof tx).transaction(async (savepoint) => {
        await app.defer(task, {}, { tx: savepoint });
        throw new Error("back to the savepoint");
      });
      await expect(inner).rejects.toThrow("back to the savepoint");
    });
    const count = statement("select count(*)::int as n from procrastinate_jobs where queue_name = 'nested'");
    expect(await connection.connector.pool.query(count, [])).toEqual([{ n: 1 }]);
  });
});

test("lets Drizzle log the queue's statements where the app wants a log", async () => {
  const database = await createTestDatabase();
  const pool = new Pool({ connectionString: database.url });
  const logged: string[] = [];
  const logger = { logQuery: (query: string) => void logged.push(query) };
  for (const [db, lines] of [
    [drizzle(pool, { logger }), 1],
    [drizzle(pool), 0],
    [drizzle(pool, { logger: false }), 0],
  ] as const) {
    logged.length = 0;
    await createApp({ connector: drizzleConnector(db), tasks: [] }).queues.list();
    expect(logged.length).toBe(lines);
  }
  await pool.end();
  await database.drop();
});

test("refuses a driver that gives something else than rows", async () => {
  const remote = { execute: async () => 1, transaction: async () => Promise.reject(new Error("none")) };
  const query = drizzleConnector(remote).pool.query(statement("select 1"), []);
  await expect(query).rejects.toMatchObject({
    name: "ConnectorError",
    message: expect.stringMatching(/instead of rows/),
  });
});

test("tells a driver without transactions apart from a lost database", async () => {
  const failing = () => Promise.reject(new Error("No transactions support in neon-http driver"));
  const connector = drizzleConnector({ execute: async () => [], transaction: failing });
  await expect(connector.transaction(async () => 1)).rejects.toMatchObject({
    name: "ConnectorError",
    message: expect.stringMatching(
      /has no interactive transactions \(transaction\)\. Use one that has them: node-postgres/,
    ),
  });
});

test("nothing is prepared where the sessions are not those of the connections, as behind a pooler", async () => {
  const database = await createTestDatabase();
  const pool = new Pool({ connectionString: database.url, max: 1 });
  pool.on("connect", (client) => {
    Object.assign(client, { processID: 1 });
  });
  const db = drizzle(pool);
  const task = defineTask({ name: "t" });
  const app = createApp({ connector: drizzleConnector(db), tasks: [task], logger: silentLogger });
  await app.defer(task);
  await db.transaction(async (tx) => {
    await app.defer(task, {}, { tx });
  });
  expect((await pool.query("select name from pg_prepared_statements")).rows).toEqual([]);
  await pool.end();
  await database.drop();
});
