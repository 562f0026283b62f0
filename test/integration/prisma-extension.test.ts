import { PrismaPg } from "@prisma/adapter-pg";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { prismaConnector, withProcrastinate } from "../../prisma/index.ts";
import { AlreadyEnqueuedError, createApp, defineTask, silentLogger } from "../../src/index.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { openPool, statementNameGenerator } from "../support/prisma/connections.ts";
import { PrismaClient } from "../support/prisma/generated/client/client.ts";
import { runSql } from "../support/run-sql.ts";

const greet = defineTask({ name: "greet", run: ({ name }: { name: string }) => name });
const keyed = defineTask({ name: "keyed", queueingLock: "key" });

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = openPool(database.url);
  await runSql(database.url, "create table notes (id serial primary key, text text unique not null)");
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});
afterEach(() => runSql(database.url, "delete from procrastinate_jobs; delete from notes"));

function extend(options: ConstructorParameters<typeof PrismaPg>[1] = {}) {
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool, options) });
  const app = createApp({ connector: prismaConnector(prisma), tasks: [greet, keyed], logger: silentLogger });
  return prisma.$extends(withProcrastinate(app));
}

const jobs = () =>
  runSql(
    database.url,
    `select id::int, task_name as task, args ->> 'name' as name, priority from procrastinate_jobs order by id`,
  );
const notes = async () =>
  (await runSql<{ text: string }>(database.url, "select text from notes")).map(({ text }) => text);
const note = (text: string) => ({ data: { text } });

test("defers on the client, with all options, and only once it is awaited", async () => {
  const prisma = extend();
  const unawaited = prisma.$defer(greet, { name: "never" });
  const id = await prisma.$defer(greet, { name: "Ada" }, { priority: 7 });
  expect(await jobs()).toEqual([{ id: Number(id), task: "greet", name: "Ada", priority: 7 }]);
  const once = prisma.$defer(greet, { name: "Bob" });
  expect(await once).toBe(await once);
  expect(await jobs()).toHaveLength(2);
  expect(Object.prototype.toString.call(unawaited)).toBe("[object PrismaPromise]");
});

test("defers on a transaction, which it commits and rolls back with", async () => {
  const prisma = extend();
  await prisma.$transaction(async (tx) => {
    await tx.note.create(note("kept"));
    await tx.$defer(greet, { name: "kept" });
  });
  const failing = prisma.$transaction(async (tx) => {
    await tx.note.create(note("lost"));
    await tx.$defer(greet, { name: "lost" });
    throw new Error("over");
  });
  await expect(failing).rejects.toThrow("over");
  expect(await jobs()).toMatchObject([{ name: "kept" }]);
  expect(await notes()).toEqual(["kept"]);
});

test.each([
  ["as it is", {}],
  ["that names its statements", { statementNameGenerator }],
])("defers in a batch with an adapter %s, and gives the answers in their places", async (_how, options) => {
  const prisma = extend(options);
  for (const n of [1, 2]) {
    const [first, created, second] = await prisma.$transaction([
      prisma.$defer(greet, { name: "before" }),
      prisma.note.create(note(`note ${n}`)),
      prisma.$defer(greet, { name: "after" }, { priority: 1 }),
    ]);
    expect(created.text).toBe(`note ${n}`);
    expect([typeof first, typeof second]).toEqual(["bigint", "bigint"]);
    expect((await jobs()).slice(-2)).toEqual([
      { id: Number(first), task: "greet", name: "before", priority: 0 },
      { id: Number(second), task: "greet", name: "after", priority: 1 },
    ]);
  }
});

test("writes no job of a batch in which a query fails, and tells of that query", async () => {
  const prisma = extend();
  await prisma.note.create(note("taken"));
  const create = () => prisma.note.create(note("taken"));
  const defer = () => prisma.$defer(greet, { name: "lost" });
  const failed = { name: "PrismaClientKnownRequestError", code: "P2002" };
  await expect(prisma.$transaction([create(), defer()])).rejects.toMatchObject(failed);
  await expect(prisma.$transaction([defer(), create()])).rejects.toMatchObject(failed);
  expect(await jobs()).toEqual([]);
});

test("fails a batch whose queueing lock is taken, before anything commits", async () => {
  const prisma = extend();
  await prisma.$defer(keyed);
  const batch = prisma.$transaction([prisma.note.create(note("lost")), prisma.$defer(keyed)]);
  await expect(batch).rejects.toBeInstanceOf(AlreadyEnqueuedError);
  expect(await notes()).toEqual([]);
  expect(await jobs()).toHaveLength(1);
  await prisma.$transaction([prisma.note.create(note("kept")), prisma.$defer(keyed, {}, { queueingLock: "other" })]);
  expect(await notes()).toEqual(["kept"]);
  expect(await jobs()).toHaveLength(2);
});

test("refuses before anything is written what a batch cannot do", async () => {
  const prisma = extend();
  const refused = async (defer: ReturnType<typeof prisma.$defer>, message: RegExp) => {
    await expect(prisma.$transaction([prisma.note.create(note("lost")), defer])).rejects.toThrow(message);
  };
  await refused(
    prisma.$defer(keyed, {}, { onConflict: "ignore" }),
    /onConflict: "ignore" is not for a batch.*interactive/,
  );
  await refused(prisma.$defer(keyed, {}, { onConflict: "replace" }), /onConflict: "replace" is not for a batch/);
  await refused(prisma.$defer(greet, { name: 5 as never }, { priority: 0.5 }), /priority/);
  expect(await notes()).toEqual([]);
  expect(await jobs()).toEqual([]);
});

test("refuses a batch inside of a transaction, which would commit without it", async () => {
  const prisma = extend();
  const failing = prisma.$transaction((tx) => tx.$transaction([tx.note.create(note("lost")), tx.$defer(keyed)]));
  await expect(failing).rejects.toThrow(/a transaction of its own, which commits without tx\. Await each query/);
  expect(await notes()).toEqual([]);
  expect(await jobs()).toEqual([]);
});

test("says how it is called when it lost its client", () => {
  const { $defer } = extend();
  expect(() => Reflect.apply($defer, undefined, [keyed])).toThrow(/\$defer was called without its client/);
});
