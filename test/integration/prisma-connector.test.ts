import { setImmediate as nextTurn } from "node:timers/promises";
import { PrismaPg } from "@prisma/adapter-pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PrismaDatabase, prismaConnector } from "../../prisma/index.ts";
import type { SqlStatement } from "../../src/connector.ts";
import { ConnectorError, createApp, DatabaseError, defineTask, silentLogger } from "../../src/index.ts";
import { runDueJobs } from "../../src/testing/index.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { openPool, PRISMA_CONNECTIONS, type PrismaConnection } from "../support/prisma/connections.ts";
import { PrismaClient } from "../support/prisma/generated/client/client.ts";

const statement = (text: string): SqlStatement => ({ name: "test", text });

describe.each(Object.entries(PRISMA_CONNECTIONS))("%s", (_name, open) => {
  let database: TestDatabase;
  let connection: PrismaConnection;

  beforeAll(async () => {
    database = await createTestDatabase();
    connection = await open(database.url);
    await connection.prisma.$executeRawUnsafe("create table notes (id serial primary key, text text unique not null)");
  });
  afterAll(async () => {
    await connection.close();
    await database.drop();
  });
  const rows = async (text: string) => connection.connector.pool.query(statement(text), []);

  test("commits a job with the caller's writes, and rolls it back with them", async () => {
    const ran: string[] = [];
    const task = defineTask({ name: "note", run: ({ text }: { text: string }) => ran.push(text) });
    const app = createApp({ connector: connection.connector, tasks: [task], logger: silentLogger });
    await app.checkHealth();
    const write = "insert into notes (text) values ($1) returning id";
    await connection.prisma.$transaction(async (tx) => {
      await tx.$queryRawUnsafe(write, "kept");
      await app.defer(task, { text: "kept" }, { tx });
    });
    const failing = connection.prisma.$transaction(async (tx) => {
      await tx.$queryRawUnsafe(write, "lost");
      await app.defer(task, { text: "lost" }, { tx });
      throw new Error("rolled back");
    });
    await expect(failing).rejects.toThrow("rolled back");
    expect((await runDueJobs(app)).succeeded).toHaveLength(1);
    expect(ran).toEqual(["kept"]);
    expect(await rows("select text from notes")).toEqual([{ text: "kept" }]);
  });

  test("completes a job in the handler's transaction", async () => {
    const effect = defineTask({
      name: "effect",
      run: (_args, context) =>
        connection.prisma.$transaction(async (tx) => {
          await tx.$queryRawUnsafe("insert into notes (text) values ('effect') returning id");
          await context.complete(tx, { done: true });
        }),
    });
    const app = createApp({ connector: connection.connector, tasks: [effect], logger: silentLogger });
    const id = await app.defer(effect);
    expect(await runDueJobs(app)).toMatchObject({ succeeded: [{ id }], failed: [], retried: [] });
    expect(
      await rows(`select status::text, result ->> 'done' as done from procrastinate_jobs where id = ${id}`),
    ).toEqual([{ status: "succeeded", done: "true" }]);
  });

  test("tells the SQLSTATE, the constraint and Postgres's own words for what it refuses", async () => {
    const insert = statement(
      "insert into procrastinate_jobs (task_name, queueing_key) values ('t', 'key') returning 1 as n",
    );
    const { pool } = connection.connector;
    await pool.query(insert, []);
    await expect(pool.query(insert, [])).rejects.toMatchObject({
      name: "DatabaseError",
      sqlState: "23505",
      constraint: "procrastinate_jobs_queueing_key_idx",
      message: 'duplicate key value violates unique constraint "procrastinate_jobs_queueing_key_idx" (test)',
    });
    await expect(pool.query(statement("select * from nowhere"), [])).rejects.toBeInstanceOf(DatabaseError);
  });

  test("refuses what is no transaction of Prisma, and says what to pass", () => {
    const { connector, prisma } = connection;
    expect(() => connector.using({ execute: () => undefined, rollback: () => undefined } as never)).toThrow(
      /tx: an object is not a transaction of Prisma\. Pass the tx of prisma\.\$transaction\(async \(tx\)/,
    );
    expect(() => connector.using(prisma as never)).toThrow(/is the client, not a transaction of it.* or leave tx out/);
    expect(() => connector.using([] as never)).toThrow(
      /a batch, prisma\.\$transaction\(\[…\]\), has no tx.*withProcrastinate/,
    );
    expect(() => connector.using(prisma.$queryRawUnsafe("select 1") as never)).toThrow(/a batch/);
    expect(() => connector.using({} as never)).toThrow(ConnectorError);
  });

  test("refuses a transaction in place of the client", async () => {
    await connection.prisma.$transaction(async (tx) => {
      expect(() => prismaConnector(tx as never)).toThrow(/this is a transaction, not a client/);
    });
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

  test("says that a transaction ran for too long, and how to give it more time", async () => {
    const task = defineTask({ name: "late", queue: "late" });
    const app = createApp({ connector: connection.connector, tasks: [task], logger: silentLogger });
    const late = connection.prisma.$transaction(
      async (tx) => {
        // PGlite answers without a turn of the event loop, in which alone time passes.
        for (; ; await nextTurn()) await app.defer(task, {}, { tx });
      },
      { timeout: 100 },
    );
    await expect(late).rejects.toMatchObject({
      name: "ConnectorError",
      message: expect.stringMatching(/expired transaction.*rolled back.*\{ timeout: 400 \}/),
    });
    expect(await rows("select id from procrastinate_jobs where queue_name = 'late'")).toEqual([]);
  });

  test("says that a transaction is over when something in it was not awaited", async () => {
    const task = defineTask({ name: "leaked", queue: "leaked" });
    const app = createApp({ connector: connection.connector, tasks: [task], logger: silentLogger });
    let leaked: Parameters<typeof connection.connector.using>[0] | undefined;
    await connection.prisma.$transaction(async (tx) => {
      leaked = tx;
      await tx.$queryRawUnsafe("select 1 as one");
    });
    await expect(app.defer(task, {}, leaked ? { tx: leaked } : {})).rejects.toMatchObject({
      name: "ConnectorError",
      message: expect.stringMatching(/committed transaction.*Await everything that uses tx/),
    });
    expect(await rows("select id from procrastinate_jobs where queue_name = 'leaked'")).toEqual([]);
  });
});

const SERVERS = Object.entries(PRISMA_CONNECTIONS).filter(([name]) => !name.includes("PGlite"));

describe.each(SERVERS)("%s", (_name, open) => {
  let database: TestDatabase;
  let connection: PrismaConnection;
  beforeAll(async () => {
    database = await createTestDatabase();
    connection = await open(database.url);
  });
  afterAll(async () => {
    await connection.close();
    await database.drop();
  });

  test("rolls back to a savepoint of the app with what was deferred since", async () => {
    const task = defineTask({ name: "nested", queue: "nested" });
    const app = createApp({ connector: connection.connector, tasks: [task], logger: silentLogger });
    await connection.prisma.$transaction(async (tx) => {
      await app.defer(task, {}, { tx });
      const inner = (tx as unknown as PrismaDatabase).$transaction(async (savepoint) => {
        await app.defer(task, {}, { tx: savepoint });
        throw new Error("back to the savepoint");
      });
      await expect(inner).rejects.toThrow("back to the savepoint");
    });
    const count = statement("select count(*)::int as n from procrastinate_jobs where queue_name = 'nested'");
    expect(await connection.connector.pool.query(count, [])).toEqual([{ n: 1 }]);
  });

  test("waits for a connection of the pool rather than fail", async () => {
    const { transaction, using } = connection.connector;
    const sleeping = Array.from({ length: 18 }, () =>
      transaction(async (tx) => using(tx).query(statement("select pg_sleep(0.05)::text"), [])),
    );
    expect(await Promise.all(sleeping)).toHaveLength(18);
  });
});

describe("a client that cannot work for a queue", () => {
  const client = (config: object) => ({
    $queryRawUnsafe: async () => [],
    $executeRawUnsafe: async () => 0,
    $transaction: async () => Promise.reject(new Error("none")),
    $connect: async () => undefined,
    _engineConfig: config,
  });

  test.each([
    [{ execute: () => undefined }, /an object is not a Prisma client\. Pass what new PrismaClient/],
    [undefined, /undefined is not a Prisma client/],
    [client({ accelerateUrl: "prisma://x", activeProvider: "postgresql" }), /goes through Prisma Accelerate.*PrismaPg/],
    [client({ activeProvider: "postgresql" }), /has no driver adapter\. Pass one with a driver adapter/],
    [
      client({ activeProvider: "sqlite", adapter: {} }),
      /this client is for sqlite\. The queue needs one for PostgreSQL/,
    ],
  ])("is refused before anything is written (%#)", (prisma, message) => {
    expect(() => prismaConnector(prisma as never)).toThrow(message);
    expect(() => prismaConnector(prisma as never)).toThrow(ConnectorError);
  });

  test("is refused as Prisma makes it for Accelerate, extended or not", () => {
    const accelerateUrl = "prisma://accelerate.prisma-data.net/?api_key=none";
    const prisma = new PrismaClient({ accelerateUrl });
    expect(() => prismaConnector(prisma)).toThrow(/goes through Prisma Accelerate/);
    const extended = prisma.$extends({ client: { $hello: () => "hello" } });
    expect(() => prismaConnector(extended)).toThrow(/goes through Prisma Accelerate/);
  });

  test("is told apart from a lost database when its adapter has no interactive transactions", async () => {
    const database = await createTestDatabase();
    const pool = openPool(database.url);
    try {
      const overPg = new PrismaPg(pool);
      const connect = async () => {
        const connection = await overPg.connect();
        // As @prisma/adapter-neon has it over HTTP.
        const startTransaction = () => Promise.reject(new Error("Transactions are not supported in HTTP mode"));
        return Object.assign(connection, { startTransaction });
      };
      const prisma = new PrismaClient({ adapter: Object.assign(new PrismaPg(pool), { connect }) });
      const connector = prismaConnector(prisma);
      await expect(connector.transaction(async () => 1)).rejects.toMatchObject({
        name: "ConnectorError",
        message: expect.stringMatching(
          /has no interactive transactions \(transaction\)\. Use one that has them: .*@prisma\/adapter-pg/,
        ),
      });
      expect(await connector.pool.query(statement("select count(*)::int as n from procrastinate_jobs"), [])).toEqual([
        { n: 0 },
      ]);
    } finally {
      await pool.end();
      await database.drop();
    }
  });

  test("is told by the adapter's own words when that cannot run the queue's SQL, and nothing is written", async () => {
    const database = await createTestDatabase();
    const pool = openPool(database.url);
    try {
      const overPg = new PrismaPg(pool);
      const connect = async () => {
        const queryRaw = () => Promise.reject(new Error("this adapter knows no casts"));
        return Object.assign(await overPg.connect(), { queryRaw });
      };
      const prisma = new PrismaClient({ adapter: Object.assign(new PrismaPg(pool), { connect }) });
      const task = defineTask({ name: "t" });
      const app = createApp({ connector: prismaConnector(prisma), tasks: [task], logger: silentLogger });
      const failed = { name: "DatabaseError", message: expect.stringMatching(/this adapter knows no casts/) };
      await expect(app.defer(task)).rejects.toMatchObject(failed);
      await expect(app.checkHealth()).rejects.toMatchObject(failed);
      expect((await pool.query("select 1 from procrastinate_jobs")).rowCount).toBe(0);
    } finally {
      await pool.end();
      await database.drop();
    }
  });

  test("is refused when it gives something else than rows", async () => {
    const odd = prismaConnector({ ...client({ adapter: {} }), $queryRawUnsafe: async () => 1 } as never);
    await expect(odd.pool.query(statement("select 1"), [])).rejects.toMatchObject({
      name: "ConnectorError",
      message: expect.stringMatching(/gave 1 instead of rows/),
    });
  });

  test("has options that exist", () => {
    const good = client({ adapter: {} }) as never;
    expect(() => prismaConnector(good, { listn: "x" } as never)).toThrow(/listn.*The options are listen/);
    expect(() => prismaConnector(good, { listen: {} as never })).toThrow(/an object cannot listen\. Pass the pg\.Pool/);
  });
});
