import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterEach, describe, expect, test } from "vitest";
import { createApp, defineTask, silentLogger } from "../../src/index.ts";
import { type AppFolder, createAppFolder } from "../support/app-folder.ts";
import { type Child, spawnChild } from "../support/child.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { becomeNextPackage } from "../support/next-version/next-package.ts";
import { pgConnector } from "../support/pg-connector.ts";
import { GENERATOR, PRISMA_ENVIRONMENT } from "../support/prisma/app-on-prisma.ts";
import { runSql } from "../support/run-sql.ts";
import { until } from "../support/until.ts";

/** Each command of Prisma takes two seconds where nothing else runs, and there are ten of them. */
const TIMEOUT_MS = 120_000;
const WORKER = fileURLToPath(new URL("../support/next-version/worker.mjs", import.meta.url));

/** An app of one ORM, and how its team brings its tables up to date. */
interface Way {
  readonly files: Readonly<Record<string, string>>;
  /** The first version: what a team does once. */
  make(app: AppFolder, run: Run, database: TestDatabase): Promise<void>;
  /** What the worker of the next package tells to run. */
  readonly told: RegExp;
  upgrade(app: AppFolder, run: Run, database: TestDatabase): Promise<void>;
  /** The SQL that the upgrade was, as far as it is a file. */
  migration?(app: AppFolder): string;
}
type Run = (script: string, ...args: string[]) => Promise<string>;

const CLI = "procrastinate/dist/src/cli/main.js";
const KIT = "drizzle-kit/bin.cjs";
const PRISMA = "prisma/build/index.js";
const OVER_DRIZZLE = `
import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { drizzleConnector } from "procrastinate/drizzle";
export const pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"], max: 10 });
export const connector = drizzleConnector(drizzle({ client: pool }));
`;
const OVER_PRISMA = `
import { PrismaPg } from "@prisma/adapter-pg";
import pg from "pg";
import { prismaConnector } from "procrastinate/prisma";
import { PrismaClient } from "./client/index.js";
export const pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"], max: 10 });
export const connector = prismaConnector(new PrismaClient({ adapter: new PrismaPg(pool) }), { listen: pool });
`;
const newest = (folder: string): string =>
  join(
    folder,
    readdirSync(folder)
      .filter((name) => /^\d/.test(name))
      .sort()
      .at(-1) ?? "",
  );

const WAYS: Readonly<Record<string, Way>> = {
  "drizzle-kit": {
    files: {
      "db.mjs": OVER_DRIZZLE,
      "schema.ts": `export * from "./queue.ts";\n`,
      "drizzle.config.ts": `export default { dialect: "postgresql", schema: "./schema.ts", out: "./migrations",
        dbCredentials: { url: process.env["DATABASE_URL"] } };`,
    },
    async make(_app, run) {
      await run(CLI, "schema", "add", "--orm", "drizzle", "--path", "queue.ts");
      await run(KIT, "generate");
      await run(KIT, "migrate");
    },
    told: /Run: npx drizzle-kit generate && npx drizzle-kit migrate/,
    async upgrade(_app, run) {
      expect(await run(CLI, "schema", "sync")).toMatch(/Wrote queue\.ts \(schema version 2\)/);
      await run(KIT, "generate");
      await run(KIT, "migrate");
    },
    migration: (app) => readFileSync(newest(join(app.path, "migrations")), "utf8"),
  },
  "prisma migrate": {
    files: {
      "db.mjs": OVER_PRISMA,
      "prisma/schema/schema.prisma": `${GENERATOR}datasource db {\n  provider = "postgresql"\n}\n`,
      "prisma.config.ts": `import { defineConfig } from "prisma/config";
        export default defineConfig({ schema: "prisma/schema", migrations: { path: "prisma/migrations" },
          datasource: { url: process.env["DATABASE_URL"] } });`,
    },
    async make(app, run) {
      await run(CLI, "schema", "add", "--orm", "prisma");
      await run(PRISMA, "migrate", "dev", "--name", "init");
      await run(PRISMA, "migrate", "dev", "--create-only", "--name", "procrastinate_checks");
      const extras = await run(CLI, "schema", "sql", "--extras", "prisma");
      writeFileSync(join(newest(join(app.path, "prisma/migrations")), "migration.sql"), extras);
      await run(PRISMA, "migrate", "dev");
      await run(PRISMA, "generate");
    },
    told: /Run: npx procrastinate schema sync && npx prisma migrate dev --name procrastinate_2/,
    async upgrade(_app, run) {
      expect(await run(CLI, "schema", "sync")).toMatch(/procrastinate\.prisma \(schema version 2\)/);
      await run(PRISMA, "migrate", "dev", "--name", "procrastinate_2");
      await run(PRISMA, "generate");
    },
    migration: (app) => readFileSync(join(newest(join(app.path, "prisma/migrations")), "migration.sql"), "utf8"),
  },
  "plain SQL": {
    files: { "db.mjs": OVER_DRIZZLE },
    make: async (_app, run, database) => void (await runSql(database.url, await run(CLI, "schema", "sql"))),
    told: /Run: npx drizzle-kit generate/,
    async upgrade(_app, run, database) {
      const script = await run(CLI, "schema", "sql", "--from", "1");
      expect(script).toMatch(/^begin;\n\n-- 0002_note\.sql\n[\s\S]*commit;\n$/);
      await runSql(database.url, script);
    },
  },
};

describe.each(Object.entries(WAYS))("an upgrade by %s", (_name, way) => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  function createApps(database: TestDatabase) {
    const [app, next] = [createAppFolder({}), createAppFolder({})];
    cleanups.push(app.remove, next.remove);
    becomeNextPackage(join(next.path, "node_modules/procrastinate"));
    for (const [file, text] of Object.entries({ ...way.files, "worker.mjs": readFileSync(WORKER, "utf8") }))
      app.write(file, text);
    app.write(
      "app.mjs",
      `import { createApp } from "procrastinate"; import { connector } from "./db.mjs"; export const app = createApp({ connector, tasks: [] });`,
    );
    const env = { ...PRISMA_ENVIRONMENT, DATABASE_URL: database.url };
    const runIn =
      (folder: AppFolder): Run =>
      async (script, ...args) => {
        const { code, output } = await folder.run(script, args, env);
        expect(code, output).toBe(0);
        return output;
      };
    const start = (folder: AppFolder, worker: string): Child =>
      spawnChild(join(folder.path, "worker.mjs"), {
        cwd: folder.path,
        isCompiled: true,
        env: { DATABASE_URL: database.url, WORKER: worker },
      });
    const check = (folder: AppFolder) => folder.run(CLI, ["schema", "check", "--app", "app.mjs"], env);
    /** As a deployment brings the app's own files to where the next package is installed. */
    const deploy = (): void => {
      for (const name of readdirSync(app.path)) {
        if (name !== "node_modules") cpSync(join(app.path, name), join(next.path, name), { recursive: true });
      }
    };
    return { app, next, runIn, start, check, deploy };
  }

  test("carries jobs in flight, old and new workers side by side, and loses nothing", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const database = await createTestDatabase({ empty: true });
    cleanups.push(database.drop);
    const { app, next, runIn, start, check, deploy } = createApps(database);
    await way.make(app, runIn(app), database);
    await runSql(
      database.url,
      "create schema log; create table log.runs (worker text, kind text, n int); create table log.gate ()",
    );
    expect(await check(app)).toMatchObject({ code: 0 });
    deploy();

    const pool = new pg.Pool({ connectionString: database.url, max: 4 });
    cleanups.push(() => pool.end());
    const tasks = ["plain", "locked", "flaky", "gated"].map((name) => defineTask<{ n: number }>({ name }));
    const queue = createApp({ connector: pgConnector(pool), tasks, logger: silentLogger });
    const deferred = { plain: 0, locked: 0, flaky: 0, gated: 0 };
    const defer = async (kind: keyof typeof deferred, options = {}) => {
      const n = ++deferred[kind];
      await queue.defer(queue.getTask(kind), { n }, options);
    };
    const count = async (condition: string): Promise<number> =>
      (await pool.query(`select count(*)::int as n from log.runs where ${condition}`)).rows[0].n;

    const old = start(app, "old");
    await old.waitForLine("started");
    for (let n = 0; n < 3; n++) await defer("gated");
    await until(
      async () =>
        (await pool.query("select 1 from procrastinate_jobs where status = 'doing' and task_name = 'gated'"))
          .rowCount === 3,
    );
    let isProducing = true;
    const producing = (async () => {
      while (isProducing) {
        await defer("plain");
        await defer("locked", { lock: `lock ${deferred.locked % 3}` });
        await defer("flaky", { scheduleIn: { milliseconds: 300 } });
        // There is always something in flight, and most of the machine is left to the migrations.
        await sleep(10);
        await until(
          async () =>
            (await pool.query("select count(*)::int as n from procrastinate_jobs where status = 'todo'")).rows[0].n <
            100,
        );
      }
    })();
    cleanups.push(async () => {
      isProducing = false;
      await producing.catch(() => undefined);
    });
    await until(() => count("kind = 'flaky'"));

    // The next package says what is missing, and does not start.
    const early = start(next, "early");
    expect(await early.exited).toMatchObject({ code: 3 });
    expect(early.lines.join()).toMatch(/schema_mismatch: .* have version 1; this package is made for version 2\./);
    expect(early.lines.join()).toMatch(way.told);
    expect(await check(next)).toMatchObject({
      code: 3,
      output: expect.stringMatching(/missing: column procrastinate_jobs\.note: text/),
    });

    await way.upgrade(next, runIn(next), database);
    const statements = way.migration?.(next).match(/^(ALTER|CREATE|DROP)/gim);
    expect(statements ?? [1, 2, 3]).toHaveLength(3);
    expect(await check(next)).toMatchObject({
      code: 0,
      output: expect.stringMatching(/Database: schema version 2, OK/),
    });
    expect(await check(app)).toMatchObject({
      code: 0,
      output: expect.stringMatching(/Package: schema version 1[\s\S]*Database: schema version 2, OK/),
    });

    // Both work on the newer tables: what runs on, what starts anew, and the next one.
    const again = start(app, "old again");
    const newer = start(next, "new");
    await Promise.all([again.waitForLine("started"), newer.waitForLine("started")]);
    const since = await count("worker = 'old'");
    await until(
      async () =>
        (await count("worker = 'old'")) > since &&
        (await count("worker = 'old again'")) > 0 &&
        (await count("worker = 'new'")) > 0,
    );
    isProducing = false;
    await producing;
    expect(await count("kind = 'gated'")).toBe(0);
    await runSql(database.url, "insert into log.gate default values");
    await until(
      async () =>
        (await pool.query("select 1 from procrastinate_jobs where status in ('todo', 'doing')")).rowCount === 0,
    );
    for (const worker of [old, again, newer]) expect(await worker.kill("SIGTERM")).toEqual({ code: 0, signal: null });

    const jobs = await pool.query(
      "select task_name as kind, status::text, attempts, count(*)::int as n from procrastinate_jobs group by 1, 2, 3 order by 1",
    );
    expect(jobs.rows).toEqual(
      Object.entries(deferred)
        .sort()
        .map(([kind, n]) => ({ kind, status: "succeeded", attempts: kind === "flaky" ? 2 : 1, n })),
    );
    const runs = await pool.query(
      "select kind, count(*)::int as n, count(distinct n)::int as different from log.runs group by 1 order by 1",
    );
    expect(runs.rows).toEqual(
      Object.entries(deferred)
        .sort()
        .map(([kind, n]) => ({ kind, n, different: n })),
    );
    expect(await count("kind = 'gated' and worker <> 'old'")).toBe(0);
  });
});
