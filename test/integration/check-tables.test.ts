import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createApp, silentLogger } from "../../src/index.ts";
import { createTestDatabase } from "../support/database.ts";
import { DRIZZLE_CONNECTIONS } from "../support/drizzle-connections.ts";
import { readMigrations } from "../support/migrations.ts";
import { PRISMA_CONNECTIONS } from "../support/prisma/connections.ts";
import { runSql } from "../support/run-sql.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
afterAll(() => queue.close());

const renew = () => runSql(queue.url, `drop schema public cascade; create schema public; ${readMigrations()}`);

test("says that all is well with the tables of the migrations", async () => {
  expect(await queue.app([]).checkTables()).toEqual({
    connector: "pg",
    packageVersion: 1,
    tablesVersion: 1,
    ok: true,
    findings: [],
    commands: [],
  });
});

test.each<[what: string, change: string, finding: object]>([
  [
    "a column that is missing",
    "alter table procrastinate_jobs drop column rescues",
    { kind: "missing", object: "column procrastinate_jobs.rescues", message: "integer not null default 0" },
  ],
  [
    "a column of another type",
    "alter table procrastinate_jobs alter lease type bigint",
    {
      kind: "different",
      object: "column procrastinate_jobs.lease",
      message: "is bigint not null default 0; should be integer not null default 0",
    },
  ],
  [
    "a column that may be null",
    "alter table procrastinate_jobs alter ready drop not null",
    { kind: "different", object: "column procrastinate_jobs.ready" },
  ],
  [
    "a default that is gone",
    "alter table procrastinate_workers alter name drop default",
    { kind: "different", message: "is text not null; should be text not null default 'worker'::text" },
  ],
  [
    "an index that is missing",
    "drop index procrastinate_jobs_wake_idx",
    {
      kind: "missing",
      object: "index procrastinate_jobs_wake_idx",
      message: "on jobs using btree (wake_at) WHERE ((NOT ready) AND (wake_at IS NOT NULL))",
    },
  ],
  [
    "an index with another predicate",
    `drop index procrastinate_jobs_fetch_idx;
     create index procrastinate_jobs_fetch_idx on procrastinate_jobs (queue_name, priority desc, id)`,
    { kind: "different", object: "index procrastinate_jobs_fetch_idx" },
  ],
  [
    "an index with another order",
    `drop index procrastinate_jobs_fetch_idx;
     create index procrastinate_jobs_fetch_idx on procrastinate_jobs (queue_name, priority desc nulls last, id) where ready`,
    { kind: "different", message: expect.stringMatching(/priority DESC NULLS LAST.*should be.*priority DESC, id/) },
  ],
  [
    "an index that is no longer unique",
    `drop index procrastinate_jobs_running_lock_idx;
     create index procrastinate_jobs_running_lock_idx on procrastinate_jobs (running_lock) where running_lock is not null`,
    { kind: "different", object: "index procrastinate_jobs_running_lock_idx" },
  ],
  [
    "a check that is missing",
    "alter table procrastinate_jobs drop constraint procrastinate_jobs_findable_check",
    { kind: "missing", object: "check procrastinate_jobs_findable_check" },
  ],
  [
    "a check that says something else",
    `alter table procrastinate_jobs drop constraint procrastinate_jobs_schedule_check,
       add constraint procrastinate_jobs_schedule_check check (scheduled_at < 'infinity') not valid`,
    { kind: "different", message: expect.stringMatching(/NOT VALID; should be/) },
  ],
  [
    "an enum without a value",
    `alter table procrastinate_events alter type type text; drop type procrastinate_job_event_type;
     create type procrastinate_job_event_type as enum ('deferred');
     alter table procrastinate_events alter type type procrastinate_job_event_type using type::procrastinate_job_event_type`,
    {
      kind: "different",
      object: "enum procrastinate_job_event_type",
      message: expect.stringMatching(/^lacks started,/),
    },
  ],
  [
    "a table that is missing",
    "drop table procrastinate_events",
    { kind: "missing", object: "table procrastinate_events" },
  ],
  [
    "a column of the app that the queue cannot fill",
    "alter table procrastinate_jobs add tenant text not null",
    {
      kind: "breaking",
      object: "column procrastinate_jobs.tenant",
      message: "is not null and has no default, so that the queue can write no row. Give it a default.",
    },
  ],
])("finds %s, and nothing else", async (_what, change, finding) => {
  await runSql(queue.url, change);
  const report = await queue.app([]).checkTables();
  await renew();
  expect(report).toMatchObject({ ok: false, findings: [finding] });
});

test.each([
  [
    "storage parameters",
    "alter table procrastinate_jobs reset (fillfactor)",
    { object: "storage procrastinate_jobs", message: "without fillfactor the queue is slower under load" },
  ],
  [
    "an index that every claim writes",
    "create index my_idx on procrastinate_jobs (status)",
    { object: "index my_idx", message: expect.stringMatching(/written by every claim/) },
  ],
  [
    "a foreign key that keeps jobs from being deleted",
    "create table orders (job_id bigint constraint orders_job references procrastinate_jobs)",
    { object: "foreign key orders_job of orders", message: expect.stringMatching(/on delete set null/) },
  ],
])("advises about %s, which is no failure", async (_what, change, finding) => {
  await runSql(queue.url, change);
  const report = await queue.app([]).checkTables();
  await renew();
  expect(report).toMatchObject({ ok: true, commands: [], findings: [{ kind: "advice", ...finding }] });
});

test("leaves alone what the app added and what has another name or value", async () => {
  await runSql(
    queue.url,
    `alter table procrastinate_jobs add tenant text, add region text not null default 'eu', add check (tenant <> '');
     alter table procrastinate_jobs set (fillfactor = 70);
     alter type procrastinate_job_event_type add value 'approved';
     alter index procrastinate_jobs_wake_idx rename to my_wake_idx;
     create index tenants on procrastinate_jobs (tenant);
     create table orders (job_id bigint references procrastinate_jobs on delete set null);
     create function nothing() returns trigger language plpgsql as 'begin return new; end';
     create trigger mine before update on procrastinate_jobs for each row execute function nothing()`,
  );
  const report = await queue.app([]).checkTables();
  await renew();
  expect(report).toMatchObject({ ok: true, findings: [] });
});

test("says of missing, older and newer tables that they are, and no more", async () => {
  const check = () => queue.app([]).checkTables();
  await runSql(queue.url, "alter table procrastinate_periodic_defers alter schema_version set default 7");
  expect(await check()).toMatchObject({ ok: false, tablesVersion: 7, findings: [{ kind: "different" }] });
  await runSql(queue.url, "alter table procrastinate_periodic_defers alter schema_version set default 1007");
  expect(await check()).toMatchObject({ ok: true, tablesVersion: 7, findings: [] });
  await runSql(queue.url, "alter table procrastinate_periodic_defers alter schema_version drop default");
  expect(await check()).toMatchObject({ ok: false, tablesVersion: 0, findings: [{ kind: "different" }] });
  await runSql(queue.url, "alter table procrastinate_jobs rename to jobs");
  expect(await check()).toMatchObject({
    ok: false,
    tablesVersion: undefined,
    findings: [{ kind: "missing", object: "tables procrastinate_*" }],
    commands: ['npx procrastinate schema sql | psql -v ON_ERROR_STOP=1 "$DATABASE_URL"'],
  });
  await renew();
});

test("finds tables under names that need quotes, in a schema that the search path has not", async () => {
  const tables = { schema: 'My "Queue"', prefix: "p'$1 Ü\\" };
  const quoted = readMigrations().replace(/\bprocrastinate_(\w+)/g, (_name, rest) => `"${tables.prefix}${rest}"`);
  await runSql(queue.url, `create schema "My ""Queue"""; set search_path = "My ""Queue"""; ${quoted}`);
  const app = queue.app([], { tables });
  expect(await app.checkTables()).toMatchObject({ ok: true, findings: [] });
  await runSql(queue.url, `drop index "My ""Queue"""."${tables.prefix}jobs_lock_idx"`);
  expect(await app.checkTables()).toMatchObject({ findings: [{ object: `index ${tables.prefix}jobs_lock_idx` }] });
});

describe.each(Object.entries({ ...DRIZZLE_CONNECTIONS, ...PRISMA_CONNECTIONS }))("%s", (_name, open) => {
  test("reads the tables", async () => {
    const database = await createTestDatabase();
    const connection = await open(database.url);
    try {
      const app = createApp<object>({ connector: connection.connector as never, tasks: [], logger: silentLogger });
      expect(await app.checkTables()).toMatchObject({ ok: true, findings: [] });
    } finally {
      await connection.close();
      await database.drop();
    }
  });
});
