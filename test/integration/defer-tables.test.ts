import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SchemaMismatchError } from "../../src/errors.ts";
import type { TableOptions } from "../../src/sql/statement.ts";
import { defineTask } from "../../src/task/define-task.ts";
import { readMigrations } from "../support/migrations.ts";
import { runSql } from "../support/run-sql.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { startWorker } from "../support/worker-run.ts";

const task = defineTask<{ n: number }>({ name: "sample" });
const FIX =
  "Run npx procrastinate schema check, which says what to run; with tables elsewhere, say so in createApp({ tables }).";

/** Every way to write a job, of which each must say the same. */
function everyDefer(queue: TestQueue, tables?: TableOptions): Record<string, () => Promise<unknown>> {
  const app = queue.app([task], tables ? { tables } : {});
  return {
    defer: () => app.defer(task, { n: 1 }),
    "many at once": () => Promise.all([app.defer(task, { n: 1 }), app.defer(task, { n: 2 }, { priority: 1 })]),
    "defer with a queueing lock": () => app.defer(task, { n: 1 }, { queueingLock: "a", onConflict: "replace" }),
    batchDefer: () => app.batchDefer(task, [{ n: 1 }]),
    "batchDefer with queueing locks": () => app.batchDefer(task, [{ n: 1 }], { queueingLock: "a" }),
    "defer in a transaction": () => queue.transaction((tx) => app.defer(task, { n: 1 }, { tx })),
  };
}

async function expectMismatch(act: () => Promise<unknown>, message: string | RegExp): Promise<void> {
  const failure = act();
  await expect(failure).rejects.toThrow(SchemaMismatchError);
  await expect(failure).rejects.toMatchObject({ code: "schema_mismatch", cause: { code: "database" } });
  await expect(failure).rejects.toThrow(message);
  await expect(failure).rejects.toThrow(FIX);
}

describe("a database without the tables", () => {
  let queue: TestQueue;
  beforeAll(async () => {
    queue = await openTestQueue({ empty: true });
  });
  afterAll(() => queue.close());

  test("is told with the fix by every way to defer", async () => {
    for (const [name, act] of Object.entries(everyDefer(queue))) {
      await expectMismatch(act, /relation "procrastinate_jobs" does not exist \(insert_jobs?\)/).catch((error) => {
        throw new Error(name, { cause: error });
      });
    }
  });

  test("is told with the fix where a batch differs in its arguments alone", async () => {
    const act = () => queue.app([task]).batchDefer(task, [{ n: 1 }, { n: 2 }]);
    await expectMismatch(act, 'relation "procrastinate_jobs" does not exist (insert_uniform_jobs)');
  });

  test("is told by the health check", async () => {
    const health = queue.app([task]).checkHealth();
    await expect(health).rejects.toMatchObject({ code: "schema_mismatch" });
    await expect(health).rejects.toThrow(
      'The queue\'s tables ("procrastinate_jobs", …) are missing. If they are elsewhere, say so in ' +
        'createApp({ tables }); else make them. Run: npx procrastinate schema sql | psql -v ON_ERROR_STOP=1 "$DATABASE_URL"',
    );
  });
});

describe("tables that are not those of this package", () => {
  let queue: TestQueue;
  beforeAll(async () => {
    queue = await openTestQueue();
  });
  afterAll(() => queue.close());

  test.each([
    ["lack a column", "alter table procrastinate_jobs drop column wake_at", 'column "wake_at"'],
    [
      "lack the key of the queueing lock",
      "drop index procrastinate_jobs_queueing_key_idx",
      "no unique or exclusion constraint",
    ],
    ["lack the workers", "drop table procrastinate_workers", 'relation "procrastinate_workers" does not exist'],
    [
      "have another name",
      "alter table procrastinate_jobs rename to jobs",
      'relation "procrastinate_jobs" does not exist',
    ],
  ])("are told with the fix where they %s", async (_what, change, message) => {
    for (const act of Object.values(everyDefer(queue))) {
      await queue.pool.query(change);
      await expectMismatch(act, message);
      await runSql(queue.url, `drop schema public cascade; create schema public; ${readMigrations()}`);
    }
  });

  test("of another version are told by the health check, with the fix on the right side", async () => {
    const app = queue.app([task]);
    await app.checkHealth();
    const become = (what: string): Promise<unknown> =>
      queue.pool.query(`alter table procrastinate_periodic_defers alter column schema_version ${what}`);
    await become("set default 0");
    await expect(app.checkHealth()).rejects.toThrow(
      /have version 0; this package is made for version \d+\. Migrate them.* Run: npx procrastinate schema check/,
    );
    await become("drop default");
    await expect(app.checkHealth()).rejects.toThrow(/have version 0;/);
    await become("set default 999");
    await expect(app.checkHealth()).rejects.toThrow(
      /have version 999, for packages made for version 999 or later; .* Run: npm install procrastinate@latest/,
    );
    await expect(app.checkHealth()).rejects.toThrow(SchemaMismatchError);
    await become("set default 1");
    await app.checkHealth();
  });
});

describe("tables elsewhere", () => {
  let queue: TestQueue;
  beforeAll(async () => {
    queue = await openTestQueue({ empty: true });
  });
  afterAll(() => queue.close());

  const places: [string, Required<TableOptions> | { prefix: string }, string, string][] = [
    ["with another prefix", { prefix: "pq_" }, "pq_", ""],
    ["in another schema", { schema: "queue", prefix: "procrastinate_" }, "procrastinate_", "queue"],
    [
      "in a schema and with a prefix that need quotes",
      { schema: 'My "Queue"; --', prefix: "p'$1 Ü\\" },
      "p'$1 Ü\\",
      'My "Queue"; --',
    ],
  ];

  test.each(places)("are used like the others: %s", async (_what, tables, prefix, schema) => {
    // Quoted names for all that the migration names.
    const quoted = readMigrations().replace(/\bprocrastinate_(\w+)/g, (_name, rest) => `"${prefix}${rest}"`);
    const path = schema === "" ? "public" : `"${schema.replaceAll('"', '""')}"`;
    await runSql(queue.url, `create schema if not exists ${path}; set search_path = ${path}; ${quoted}`);
    const app = queue.app([task], { tables });
    await app.checkHealth();
    const ids: unknown[] = [];
    for (const act of Object.values(everyDefer(queue, tables))) ids.push(await act().catch((error) => error.code));
    expect(ids.flat().filter((id) => typeof id === "bigint")).toHaveLength(6);
    expect(ids.at(4)).toBe("already_enqueued");
    const { rows } = await queue.pool.query(`select count(*)::int as n from ${path}."${prefix}jobs"`);
    expect(rows).toEqual([{ n: 6 }]);
  });

  test.each<TableOptions>([{ schema: "nowhere" }, { prefix: "nothing_" }, { schema: "Queue" }])(
    "are told where they are not: %j",
    async (tables) => {
      for (const act of Object.values(everyDefer(queue, tables))) await expectMismatch(act, "does not exist");
      await expect(queue.app([task], { tables }).checkHealth()).rejects.toThrow(SchemaMismatchError);
    },
  );

  test("are found for an app that was told nothing, or another schema", async () => {
    const prefix = "hidden_";
    const hidden = readMigrations().replaceAll("procrastinate_", prefix);
    await runSql(queue.url, `create schema elsewhere; set search_path = elsewhere; ${hidden}`);
    await expect(queue.app([task], { tables: { prefix } }).checkHealth()).rejects.toThrow(
      /missing where the app looks, along the search_path .*; there are some in the Postgres schema "elsewhere"\. Say so: createApp\(\{ tables: \{ schema: "elsewhere", prefix: "hidden_" \} \}\)\.$/,
    );
    await expect(queue.app([task], { tables: { prefix, schema: "public" } }).checkHealth()).rejects.toThrow(
      /missing where the app looks, in "public"; there are some in the Postgres schema "elsewhere"/,
    );
    await queue.app([task], { tables: { prefix, schema: "elsewhere" } }).checkHealth();
  });
});

describe("tables that are found along the search_path of the sessions", () => {
  let queue: TestQueue;
  beforeAll(async () => {
    queue = await openTestQueue({ empty: true, settings: { search_path: "queue" } });
    await runSql(queue.url, `create schema queue; set search_path = queue; ${readMigrations()}`);
  });
  afterAll(() => queue.close());

  test("are used like any others by an app that was told nothing, and by its workers", async () => {
    const ran: number[] = [];
    const app = queue.app([defineTask({ name: "sample", run: ({ n }: { n: number }) => ran.push(n) })]);
    await app.checkHealth();
    expect(await app.checkTables()).toMatchObject({ ok: true, findings: [] });
    await using _worker = startWorker(app, { pollingInterval: { seconds: 60 } });
    const isIdle = "select 1 from queue.procrastinate_workers where idle";
    await until(async () => (await queue.pool.query(isIdle)).rowCount === 1);
    await app.defer(task, { n: 1 });
    await until(() => ran.length === 1);
    await queue.transaction((tx) => app.batchDefer(task, [{ n: 2 }, { n: 3 }], { tx }));
    const finished = "select 1 from queue.procrastinate_jobs where status = 'succeeded'";
    await until(async () => (await queue.pool.query(finished)).rowCount === 3);
    expect(ran).toEqual([1, 2, 3]);
  });
});

describe("a database that is gone", () => {
  test("is an error of the database by every way to defer, with its cause", async () => {
    const queue = await openTestQueue();
    await queue.pool.end();
    try {
      const { "defer in a transaction": _own, ...others } = everyDefer(queue);
      for (const act of Object.values(others)) {
        await expect(act()).rejects.toMatchObject({
          name: "DatabaseError",
          code: "database",
          sqlState: undefined,
          isConnectionLoss: true,
          cause: { message: "Cannot use a pool after calling end on the pool" },
        });
      }
      await expect(queue.app([task]).checkHealth()).rejects.toMatchObject({ code: "database", isConnectionLoss: true });
      expect(await queue.jobs()).toEqual([]);
    } finally {
      await queue.close();
    }
  });

  test("is an error for what was under way, and nothing of it is written", async () => {
    const queue = await openTestQueue({ max: 1 });
    try {
      const held = queue.transaction(async (tx) => {
        tx.on("error", () => undefined);
        await queue.app([task]).defer(task, { n: 1 }, { tx });
        await runSql(
          queue.url,
          "select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction' and datname = current_database()",
        );
        await queue.app([task]).defer(task, { n: 2 }, { tx });
      });
      await expect(held).rejects.toThrow();
      expect(await queue.jobs()).toEqual([]);
      await queue.app([task]).defer(task, { n: 3 });
      expect(await queue.jobs()).toMatchObject([{ args: { n: 3 } }]);
    } finally {
      await queue.close();
    }
  });
});
