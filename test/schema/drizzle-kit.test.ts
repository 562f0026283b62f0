import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DRIZZLE_FILE } from "../../src/cli/schema/drizzle-file.ts";
import type { TableOptions } from "../../src/index.ts";
import { type AppFolder, createAppFolder } from "../support/app-folder.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { runSql } from "../support/run-sql.ts";

const MAJORS = {
  "drizzle-kit 0.31": { "drizzle-orm": "drizzle-orm", "drizzle-kit": "drizzle-kit" },
  "drizzle-kit 1.0 rc": { "drizzle-orm": "drizzle-orm-next", "drizzle-kit": "drizzle-kit-next" },
};

/** The app's own table, with a foreign key to the jobs. */
const USERS = `
import { bigint, pgTable, text } from "drizzle-orm/pg-core";
export const users = pgTable("users", {
  id: bigint({ mode: "bigint" }).primaryKey().generatedAlwaysAsIdentity(),
  name: text().notNull(),
  jobId: bigint("job_id", { mode: "bigint" }).references(() => procrastinateJobs.id, { onDelete: "set null" }),
});
`;
/** An app as it is deployed, with the built package and the Drizzle of its own: prints what became of its jobs. */
const APP = `
import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { createApp, defineTask } from "procrastinate";
import { drizzleConnector } from "procrastinate/drizzle";
import { runDueJobs } from "procrastinate/testing";
import { procrastinateJobs, users } from "./schema.mjs";
const pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"] });
const db = drizzle({ client: pool });
const greet = defineTask({ name: "greet", run: ({ name }) => \`Hello \${name}\` });
const app = createApp({ connector: drizzleConnector(db), tasks: [greet], tables: JSON.parse(process.env["TABLES"]) });
await app.checkHealth();
await db.transaction(async (tx) => {
  const jobId = await app.defer(greet, { name: "Ada" }, { tx, lock: "ada" });
  await tx.insert(users).values({ name: "Ada", jobId });
});
await runDueJobs(app);
const found = await db
  .select({ name: users.name, status: procrastinateJobs.status })
  .from(users)
  .leftJoin(procrastinateJobs, eq(users.jobId, procrastinateJobs.id));
console.log(JSON.stringify(found));
await pool.end();
`;
const SCHEMAS: Readonly<Record<string, { tables: TableOptions; jobs: string; config: string }>> = {
  "under the default names": { tables: {}, jobs: "procrastinate_jobs", config: "" },
  "in another Postgres schema, with another prefix": {
    tables: { schema: "queue", prefix: "pq_" },
    jobs: "queue.pq_jobs",
    config: `schemaFilter: ["public", "queue"],`,
  },
};

/** The app's schema, with the queue's file as `procrastinate schema add` writes it, in TypeScript or JavaScript. */
function writeSchema(app: AppFolder, tables: TableOptions, extension: "ts" | "mjs"): void {
  app.write(`queue.${extension}`, DRIZZLE_FILE.write({ tables, hidden: [], relations: new Map() }));
  const queue = `"./queue.${extension}"`;
  app.write(`schema.${extension}`, `import { procrastinateJobs } from ${queue};\nexport * from ${queue};${USERS}`);
}

describe.each(Object.entries(MAJORS))("%s", (_major, dependencies) => {
  describe.each(Object.entries(SCHEMAS))("with the tables %s", (_where, { jobs, config, tables }) => {
    let app: AppFolder;
    let migrated: TestDatabase;
    let pushed: TestDatabase;

    /** Gives what drizzle-kit prints, which is all that tells of a failure. */
    const kit = async (command: string, database: TestDatabase): Promise<string> => {
      const { code, output } = await app.run("drizzle-kit/bin.cjs", [command], { DATABASE_URL: database.url });
      expect(code, output).toBe(0);
      return output;
    };
    const countOf = async (database: TestDatabase) =>
      (await runSql<{ count: string }>(database.url, `select count(*) from ${jobs}`))[0]?.count;

    beforeAll(async () => {
      app = createAppFolder({ ...dependencies, pg: "pg" });
      writeSchema(app, tables, "ts");
      app.write(
        "drizzle.config.ts",
        `export default { dialect: "postgresql", schema: "./schema.ts", out: "./migrations", ${config}
        dbCredentials: { url: process.env["DATABASE_URL"] } };`,
      );
      migrated = await createTestDatabase({ empty: true });
      pushed = await createTestDatabase({ empty: true });
    });
    afterAll(async () => {
      app.remove();
      await migrated.drop();
      await pushed.drop();
    });

    test("generates one migration with the app's tables and ours, which migrates, and nothing after it", async () => {
      await kit("generate", migrated);
      const before = migrationFiles(app);
      expect(before).toHaveLength(1);
      expect(before[0]?.sql).toMatch(/CREATE TABLE "users"/);
      await kit("migrate", migrated);
      expect(await countOf(migrated)).toBe("0");
      expect(await kit("generate", migrated)).toMatch(/No schema changes/);
      expect(migrationFiles(app)).toEqual(before);
    });

    test("pushes to the migrated database without a change and without losing a job", async () => {
      await runSql(migrated.url, `insert into ${jobs} (task_name) values ('kept')`);
      expect(await kit("push", migrated)).toMatch(/No changes detected/);
      expect(await countOf(migrated)).toBe("1");
    });

    test("pushes all tables to an empty database, and nothing after that", async () => {
      await kit("push", pushed);
      expect(await countOf(pushed)).toBe("0");
      expect(await kit("push", pushed)).toMatch(/No changes detected/);
    });

    test("runs a job on these tables, which the app joins with its own", async () => {
      app.write("main.mjs", APP);
      writeSchema(app, tables, "mjs");
      const env = { DATABASE_URL: pushed.url, TABLES: JSON.stringify(tables) };
      const { code, output } = await app.run("../main.mjs", [], env);
      const found = [{ name: "Ada", status: "succeeded" }];
      expect({ code, output }).toEqual({ code: 0, output: `${JSON.stringify(found)}\n` });
    });
  });
});

/** 0.31 writes NAME.sql into the folder, 1.0 NAME/migration.sql. */
function migrationFiles(app: AppFolder): { name: string; sql: string }[] {
  const folder = join(app.path, "migrations");
  return readdirSync(folder)
    .map((name) => ({ name, file: name.endsWith(".sql") ? join(folder, name) : join(folder, name, "migration.sql") }))
    .filter(({ file }) => existsSync(file))
    .map(({ name, file }) => ({ name, sql: readFileSync(file, "utf8") }));
}
