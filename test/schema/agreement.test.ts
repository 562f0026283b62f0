import { readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readMigrations } from "../../src/cli/schema/migrations.ts";
import { readTablesVersion, SCHEMA_VERSION } from "../../src/schema-version.ts";
import { describeTables, type TableFact } from "../../src/sql/describe-tables.ts";
import { queueSql, tableNames } from "../../src/sql/statement.ts";
import { type AppFolder, createAppFolder } from "../support/app-folder.ts";
import { describeCatalog } from "../support/catalog.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { pgConnector } from "../support/pg-connector.ts";
import { createAppOnPrisma, GENERATOR } from "../support/prisma/app-on-prisma.ts";
import { runSql } from "../support/run-sql.ts";

/**
 * What Drizzle cannot say, and why it may differ: storage parameters only make updates cheaper. An app adds them in a
 * migration of its own, if it wants to.
 */
const NOT_IN_DRIZZLE = /^storage /;

/**
 * What Prisma cannot say. Checks and storage parameters are in procrastinate.sql, for a migration of the app. Ids are
 * given by a sequence in either case; that Prisma's are no identity columns, and may be set, changes no statement.
 */
const NOT_IN_PRISMA = /^(storage|constraint \S+ CHECK) /;
const inPrismasWords = (fact: string): string =>
  fact
    .replace(/^(column (\S+)\.id bigint not null) identity by default$/, "$1 default nextval('$2_id_seq'::regclass)")
    .replace(/ default now\(\)$/, " default CURRENT_TIMESTAMP");

const opened: { drop(): Promise<void> }[] = [];
const folders: AppFolder[] = [];
let bySql: string[];

beforeAll(async () => {
  bySql = await describeCatalog((await open({ empty: false })).url);
});
afterAll(async () => {
  for (const database of opened) await database.drop();
  for (const folder of folders) folder.remove();
});

async function open(options: { readonly empty: boolean }): Promise<TestDatabase> {
  const database = await createTestDatabase(options);
  opened.push(database);
  return database;
}

test("the migrations make all tables, with storage parameters", () => {
  expect(bySql.filter((fact) => fact.startsWith("column procrastinate_jobs."))).toHaveLength(24);
  expect(bySql.filter((fact) => NOT_IN_DRIZZLE.test(fact))).toHaveLength(2);
  expect(bySql.filter((fact) => fact.startsWith("trigger"))).toEqual([]);
});

test.each([
  ["0.31", { "drizzle-orm": "drizzle-orm", "drizzle-kit": "drizzle-kit" }],
  ["1.0 rc", { "drizzle-orm": "drizzle-orm-next", "drizzle-kit": "drizzle-kit-next" }],
])(
  "the Drizzle schema, pushed by drizzle-kit %s, and the migrations make the same tables",
  async (_major, installed) => {
    const folder = createAppFolder({ ...installed, pg: "pg" });
    folders.push(folder);
    const database = await open({ empty: true });
    folder.write("schema.ts", `export * from "procrastinate/drizzle/schema";`);
    const config = `{ dialect: "postgresql", schema: "./schema.ts", dbCredentials: { url: process.env["DATABASE_URL"] } }`;
    folder.write("drizzle.config.ts", `export default ${config};`);
    const push = await folder.run("drizzle-kit/bin.cjs", ["push"], { DATABASE_URL: database.url });
    expect(push).toMatchObject({ code: 0 });
    const byDrizzle = await describeCatalog(database.url);
    expect(byDrizzle).toEqual(bySql.filter((fact) => !NOT_IN_DRIZZLE.test(fact)));
  },
);

test("the migrations make one version after the other, the last of them the package's", async () => {
  const { url } = await open({ empty: true });
  const migrations = readMigrations();
  expect(migrations.map(({ version }) => version)).toEqual(
    Array.from({ length: SCHEMA_VERSION }, (_, index) => index + 1),
  );
  for (const { version, sql } of migrations) {
    await runSql(url, sql);
    const [tick] = await runSql<{ stored: number }>(
      url,
      `insert into procrastinate_periodic_defers (task_name, defer_timestamp) values ('t', ${version}) returning schema_version as stored`,
    );
    expect(readTablesVersion(tick?.stored ?? 0).version).toBe(version);
  }
});

test("what schema check expects is what the migrations make", async () => {
  const database = await open({ empty: false });
  const pool = new pg.Pool({ connectionString: database.url });
  try {
    const described = await describeTables(queueSql(pgConnector(pool).pool, tableNames()));
    const facts = [...(described?.facts ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
    // After a change: npx vitest run test/schema/agreement.test.ts --update
    await expect(expectedTablesSource(facts)).toMatchFileSnapshot("../../src/sql/expected-tables.ts");
  } finally {
    await pool.end();
  }
});

/** The module as it is checked in, in the formatter's words. */
function expectedTablesSource(facts: readonly TableFact[]): string {
  const lines = facts.map(([object, is]) => {
    const pair = [JSON.stringify(object), is.includes('"') ? `'${is}'` : JSON.stringify(is)];
    const line = `  [${pair.join(", ")}],`;
    return line.length <= 120 ? line : `  [\n    ${pair.join(",\n    ")},\n  ],`;
  });
  return `import type { TableFact } from "./describe-tables.ts";

/** What the migrations make. Written by test/schema/agreement.test.ts, which fails where it is not so. */
export const EXPECTED_TABLES: readonly TableFact[] = [
${lines.join("\n")}
];
`;
}

test("the Prisma schema, pushed by prisma, and the migrations make the same tables", async () => {
  const app = createAppOnPrisma(`${GENERATOR}\ndatasource db {\n  provider = "postgresql"\n}\n`);
  folders.push(app);
  const database = await open({ empty: true });
  await app.prisma(["db", "push"], database);
  const expected = bySql.map(inPrismasWords).sort();
  expect(await describeCatalog(database.url)).toEqual(expected.filter((fact) => !NOT_IN_PRISMA.test(fact)));
  const extras = join(app.path, "node_modules/procrastinate/prisma/procrastinate.sql");
  await runSql(database.url, readFileSync(extras, "utf8"));
  expect(await describeCatalog(database.url)).toEqual(expected);
});
