import { PrismaPg } from "@prisma/adapter-pg";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { prismaConnector, statementNameGenerator as queueNameGenerator } from "../../prisma/index.ts";
import type { SqlStatement } from "../../src/connector.ts";
import { createApp, defineTask, silentLogger } from "../../src/index.ts";
import { runDueJobs } from "../../src/testing/index.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { openPool, statementNameGenerator } from "../support/prisma/connections.ts";
import { PrismaClient } from "../support/prisma/generated/client/client.ts";

let database: TestDatabase;
const pools: pg.Pool[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  for (const pool of pools) await pool.end();
  await database.drop();
});

/** On one connection, so that what it prepared is found again; or on two, one of which listens. */
function open(options: ConstructorParameters<typeof PrismaPg>[1]) {
  const pool = openPool(database.url, { max: 1 });
  pools.push(pool);
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool, options) });
  return { prisma, connector: prismaConnector(prisma) };
}

const statement = (text: string): SqlStatement => ({ name: "test", text });
const prepared = statement(
  "select count(*)::int as n, coalesce(sum(generic_plans), 0)::int as generic from pg_prepared_statements where statement ~ 'from procrastinate_job[s]'",
);
const planMode = statement("select current_setting('plan_cache_mode') as mode");

describe("an adapter that names all statements", () => {
  const open1 = () => open({ statementNameGenerator });

  test("gives no statement of the queue a plan that is kept, in a transaction or not", async () => {
    const { connector } = open1();
    const count = statement("select count(*)::int as n from procrastinate_jobs where id > $1::text::bigint");
    for (let run = 0; run < 10; run++) await connector.pool.query(count, ["0"]);
    await connector.transaction(async (tx) => {
      for (let run = 0; run < 10; run++) await connector.using(tx).query(count, ["0"]);
    });
    expect(await connector.pool.query(prepared, [])).toEqual([{ n: 1, generic: 0 }]);
  });

  test("keeps the app's own plans as they are, outside of the queue's statements", async () => {
    const { connector, prisma } = open1();
    await connector.pool.query(planMode, []);
    expect(await connector.pool.query(planMode, [])).toEqual([{ mode: "force_custom_plan" }]);
    expect(await prisma.$queryRawUnsafe(planMode.text)).toEqual([{ mode: "auto" }]);
    await prisma.$transaction(async (tx) => {
      await tx.$executeRawUnsafe("set local plan_cache_mode = force_generic_plan");
      expect(await connector.using(tx).query(planMode, [])).toEqual([{ mode: "force_custom_plan" }]);
      expect(await tx.$queryRawUnsafe(planMode.text)).toEqual([{ mode: "force_generic_plan" }]);
    });
    expect(await prisma.$queryRawUnsafe(planMode.text)).toEqual([{ mode: "auto" }]);
  });

  test("tells what went wrong in a transaction, not that the plan mode could not be set back", async () => {
    const { connector } = open1();
    const failing = connector.transaction((tx) => connector.using(tx).query(statement("select 1 / 0 as n"), []));
    await expect(failing).rejects.toMatchObject({ name: "DatabaseError", sqlState: "22012" });
  });

  test("keeps no plan of a worker's statements, which would be the one for empty tables", async () => {
    const { connector } = open1();
    const task = defineTask({ name: "grown", queue: "grown", run: () => undefined });
    const app = createApp({ connector, tasks: [task], logger: silentLogger });
    for (let run = 0; run < 10; run++) {
      await app.defer(task);
      await connector.transaction((tx) => app.defer(task, {}, { tx, lock: "one" }));
      expect((await runDueJobs(app)).succeeded).toHaveLength(2);
    }
    const plans = `from pg_prepared_statements where statement ~ 'procrastinate_' and parameter_types <> '{}'`;
    const kept = `${plans} and generic_plans > 0`;
    // Those of deferring are the same whatever the tables hold.
    const isInsert = "statement ~ 'insert into[^$]*procrastinate_job[s]'";
    expect(await connector.pool.query(statement(`select statement ${kept} and not (${isInsert})`), [])).toEqual([]);
    const [inserts] = await connector.pool.query<{ n: number }>(
      statement(`select count(*)::int as n ${kept} and ${isInsert}`),
      [],
    );
    expect(inserts?.n).toBe(1);
    // Or nothing was named, and the test has seen nothing.
    const [named] = await connector.pool.query<{ n: number }>(statement(`select count(*)::int as n ${plans}`), []);
    expect(named?.n).toBeGreaterThan(5);
  });
});

describe("an adapter that names only the app's statements", () => {
  test("lets the queue's statements run as they are", async () => {
    const { connector } = open({
      statementNameGenerator: (query) => (query.sql.includes("procrastinate_") ? "" : statementNameGenerator(query)),
    });
    const count = statement("select count(*)::int as n from procrastinate_jobs where id > $1::text::bigint");
    for (let run = 0; run < 10; run++) await connector.pool.query(count, ["0"]);
    expect(await connector.pool.query(prepared, [])).toEqual([{ n: 0, generic: 0 }]);
  });
});

test("an adapter that names nothing pays one question, once", async () => {
  const sent: string[] = [];
  const pool = openPool(database.url, { max: 1 });
  pools.push(pool);
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool), log: [{ emit: "event", level: "query" }] });
  prisma.$on("query", ({ query }) => void sent.push(query));
  const connector = prismaConnector(prisma);
  for (let run = 0; run < 3; run++) await connector.pool.query(planMode, []);
  expect(sent).toHaveLength(4);
  expect(sent.slice(1)).toEqual([planMode.text, planMode.text, planMode.text]);
});

describe("an adapter with the queue's generator", () => {
  const task = defineTask({ name: "named", queue: "named", run: () => undefined });
  const openApp = (own?: (query: { readonly sql: string }) => string) => {
    const { connector, prisma } = open({ statementNameGenerator: queueNameGenerator(own) });
    const named = async (): Promise<string[]> => {
      const rows = await prisma.$queryRawUnsafe<{ name: string }[]>("select name from pg_prepared_statements");
      return rows.map(({ name }) => name.replace(/_[0-9a-f]{8}$/, "")).sort();
    };
    return { app: createApp({ connector, tasks: [task], logger: silentLogger }), connector, prisma, named };
  };
  const deferAll = async ({ app, prisma }: ReturnType<typeof openApp>): Promise<void> => {
    await app.defer(task);
    await app.batchDefer(task, [{}, {}]);
    await prisma.$transaction((tx) => app.defer(task, {}, { tx, scheduleIn: { hours: 1 } }));
    expect((await runDueJobs(app)).succeeded).toHaveLength(3);
  };
  const DEFERRING = ["procrastinate_insert_job", "procrastinate_insert_jobs", "procrastinate_insert_uniform_jobs"];

  test("has deferrals prepared, and no other statement", async () => {
    const opened = openApp();
    await deferAll(opened);
    expect(await opened.named()).toEqual(DEFERRING);
  });

  test("lets another generator name the app's own statements, and no other of the queue's", async () => {
    const asked: string[] = [];
    const opened = openApp(({ sql }) => `own_${asked.push(sql)}`);
    await deferAll(opened);
    const named = await opened.named();
    expect(named.filter((name) => !name.startsWith("own_"))).toEqual(DEFERRING);
    expect(asked.filter((sql) => sql.includes("procrastinate_"))).toEqual([]);
    expect(named).toContain("own_1");
  });

  // The last one: what is lost once is prepared no more in this process.
  test("sends again what somebody discarded, and prepares no more; in a transaction the statement fails", async () => {
    const opened = openApp();
    const { app, prisma, named } = opened;
    await app.defer(task);
    await prisma.$executeRawUnsafe("deallocate all");
    const deferIn = () => prisma.$transaction((tx) => app.defer(task, {}, { tx }));
    await expect(deferIn()).rejects.toMatchObject({ name: "DatabaseError", sqlState: "26000" });
    await deferIn();
    await app.defer(task);
    expect(await named()).toEqual([]);
    expect((await runDueJobs(app)).succeeded).toHaveLength(3);
  });
});
