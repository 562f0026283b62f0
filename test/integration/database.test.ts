import { expect, inject, test } from "vitest";
import { createTestDatabase } from "../support/database.ts";
import { runSql } from "../support/run-sql.ts";
import { until } from "../support/until.ts";

const TABLES = "select count(*)::int as n from information_schema.tables where table_name like 'procrastinate%'";

test("a test database has the queue's tables and is its own", async () => {
  const [one, other] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  await runSql(one.url, "insert into procrastinate_jobs (task_name) values ('a')");
  expect(await runSql(one.url, "select task_name from procrastinate_jobs")).toEqual([{ task_name: "a" }]);
  expect(await runSql(other.url, "select task_name from procrastinate_jobs")).toEqual([]);
  await Promise.all([one.drop(), other.drop()]);
});

test("an empty test database has none", async () => {
  const database = await createTestDatabase({ empty: true });
  expect(await runSql(database.url, TABLES)).toEqual([{ n: 0 }]);
  await database.drop();
});

test("dropping ends what is still connected", async () => {
  const database = await createTestDatabase();
  const ended = expect(runSql(database.url, "select pg_sleep(60)")).rejects.toThrow(/terminating/);
  const sleeping = `select pid from pg_stat_activity where datname = '${database.name}' and wait_event = 'PgSleep'`;
  await until(async () => (await runSql(inject("postgres").url, sleeping)).length === 1);
  await database.drop();
  await ended;
  const left = `select datname from pg_database where datname = '${database.name}'`;
  expect(await runSql(inject("postgres").url, left)).toEqual([]);
});
