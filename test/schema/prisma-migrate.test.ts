import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { modelNames, PRISMA_FILE } from "../../src/cli/schema/prisma-file.ts";
import type { Variant as FileVariant } from "../../src/cli/schema/schema-file.ts";
import type { TableOptions } from "../../src/index.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { type AppOnPrisma, createAppOnPrisma, GENERATOR } from "../support/prisma/app-on-prisma.ts";
import { runSql } from "../support/run-sql.ts";

const EXTRAS = readFileSync(fileURLToPath(new URL("../../prisma/procrastinate.sql", import.meta.url)), "utf8");
/** Each command of Prisma takes two seconds where nothing else runs. */
const TIMEOUT_MS = 60_000;

interface Variant {
  readonly schema: string;
  change(shipped: string): string;
  readonly tables: TableOptions;
  readonly jobs: string;
  /** The end of the app's program: what it prints of its user and his job. */
  readonly query: string;
  /** Whether the client has the queue's models. */
  readonly hasModels: boolean;
}

const user = (lines: string) => `
model User {
  id    BigInt  @id @default(autoincrement())
  name  String
  jobId BigInt? @unique @map("job_id")
${lines}
  @@map("users")
}
`;
const JOINED = `prisma.user.findMany({ select: { name: true, job: { select: { status: true } } } })`;
/** The other side of a relation, as Prisma wants it. */
const withRelation = (text: string) => text.replace(/^model ProcrastinateJob \{$/m, "$&\n  user User?\n");

/** As `procrastinate schema add` writes it. */
const vary = (variant: Partial<FileVariant>) =>
  PRISMA_FILE.write({ tables: {}, hidden: [], relations: new Map(), ...variant });

const VARIANTS: Readonly<Record<string, Variant>> = {
  "under the default names": {
    schema: `${GENERATOR}datasource db {\n  provider = "postgresql"\n}\n${user("  job ProcrastinateJob? @relation(fields: [jobId], references: [id], onDelete: SetNull)")}`,
    change: withRelation,
    tables: {},
    jobs: "procrastinate_jobs",
    query: JOINED,
    hasModels: true,
  },
  "in another Postgres schema, with another prefix": {
    schema: `${GENERATOR}datasource db {\n  provider = "postgresql"\n  schemas = ["public", "queue"]\n}\n${user('  job ProcrastinateJob? @relation(fields: [jobId], references: [id], onDelete: SetNull)\n  @@schema("public")')}`,
    change: () => withRelation(vary({ tables: { schema: "queue", prefix: "pq_" } })),
    tables: { schema: "queue", prefix: "pq_" },
    jobs: "queue.pq_jobs",
    query: JOINED,
    hasModels: true,
  },
  "hidden from the client": {
    schema: `${GENERATOR}datasource db {\n  provider = "postgresql"\n}\n${user("")}`,
    change: () => vary({ hidden: modelNames() }),
    tables: {},
    jobs: "procrastinate_jobs",
    query: `prisma.$queryRaw\`select name, json_build_object('status', status) as job from users join procrastinate_jobs j on j.id = job_id\``,
    hasModels: false,
  },
};

/** An app as it is deployed, with the built package and its generated client: prints what became of its jobs. */
const program = (query: string) => `
import { PrismaPg } from "@prisma/adapter-pg";
import { createApp, defineTask } from "procrastinate";
import { prismaConnector } from "procrastinate/prisma";
import { runDueJobs } from "procrastinate/testing";
import { PrismaClient } from "./client/index.js";
const prisma = new PrismaClient({ adapter: new PrismaPg(process.env["DATABASE_URL"]) });
const greet = defineTask({ name: "greet", run: ({ name }) => \`Hello \${name}\` });
const app = createApp({ connector: prismaConnector(prisma), tasks: [greet], tables: JSON.parse(process.env["TABLES"]) });
if (!(await app.checkTables()).findings.every(({ kind, object }) => kind === "advice" || object.startsWith("check "))) throw new Error("tables");
await app.checkHealth();
await prisma.$transaction(async (tx) => {
  const jobId = await app.defer(greet, { name: "Ada" }, { tx, lock: "ada" });
  await tx.user.create({ data: { name: "Ada", jobId } });
});
await runDueJobs(app);
console.log(JSON.stringify({ found: await ${query}, hasModels: "procrastinateJob" in prisma }));
await prisma.$disconnect();
`;

describe.each(Object.entries(VARIANTS))("prisma migrate with the tables %s", (where, variant) => {
  let app: AppOnPrisma;
  let migrated: TestDatabase;
  let pushed: TestDatabase;
  const countOf = async (database: TestDatabase) =>
    (await runSql<{ count: string }>(database.url, `select count(*) from ${variant.jobs}`))[0]?.count;
  const migrations = () =>
    readdirSync(join(app.path, "prisma/migrations"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(app.path, "prisma/migrations", name, "migration.sql"))
      .sort();

  beforeAll(async () => {
    app = createAppOnPrisma(variant.schema, variant.change);
    migrated = await createTestDatabase({ empty: true });
    pushed = await createTestDatabase({ empty: true });
  });
  afterAll(async () => {
    app.remove();
    await migrated.drop();
    await pushed.drop();
  });

  test("makes one migration with the app's tables and ours, and nothing after it", {
    timeout: TIMEOUT_MS,
  }, async () => {
    expect(await app.prisma(["migrate", "dev", "--name", "init"], migrated)).toMatch(/now in sync with your schema/);
    expect(migrations()).toHaveLength(1);
    expect(readFileSync(migrations()[0] ?? "", "utf8")).toMatch(/CREATE TABLE .*"users"/);
    expect(await countOf(migrated)).toBe("0");
    expect(await app.prisma(["migrate", "dev", "--name", "second"], migrated)).toMatch(/Already in sync/);
    const diff = ["migrate", "diff", "--from-config-datasource", "--to-schema", "prisma/schema", "--exit-code"];
    expect(await app.prisma(diff, migrated)).toMatch(/No difference detected/);
    expect(migrations()).toHaveLength(1);
  });

  if (where === "under the default names") {
    test("keeps checks and storage parameters of a migration by hand", { timeout: TIMEOUT_MS }, async () => {
      const create = ["migrate", "dev", "--create-only", "--name", "queue_checks"];
      expect(await app.prisma(create, migrated)).toMatch(/queue_checks/);
      writeFileSync(migrations()[1] ?? "", EXTRAS);
      expect(await app.prisma(["migrate", "deploy"], migrated)).toMatch(/successfully applied/);
      expect(await app.prisma(["migrate", "dev", "--name", "third"], migrated)).toMatch(/Already in sync/);
      expect(await app.prisma(["migrate", "status"], migrated)).toMatch(/up to date/);
      await expect(runSql(migrated.url, `insert into procrastinate_jobs (task_name) values ('')`)).rejects.toThrow(
        /names_check/,
      );
    });
  }

  test("pushes to the migrated database without a change and without losing a job", {
    timeout: TIMEOUT_MS,
  }, async () => {
    await runSql(migrated.url, `insert into ${variant.jobs} (task_name) values ('kept')`);
    expect(await app.prisma(["db", "push"], migrated)).toMatch(/already in sync/);
    expect(await countOf(migrated)).toBe("1");
  });

  test("pushes all tables to an empty database, and nothing after that", { timeout: TIMEOUT_MS }, async () => {
    expect(await app.prisma(["db", "push"], pushed)).toMatch(/now in sync/);
    expect(await countOf(pushed)).toBe("0");
    expect(await app.prisma(["db", "push"], pushed)).toMatch(/already in sync/);
  });

  test("runs a job on these tables, which the app joins with its own", { timeout: TIMEOUT_MS }, async () => {
    await app.prisma(["generate"], pushed);
    app.write("main.mjs", program(variant.query));
    const env = { DATABASE_URL: pushed.url, TABLES: JSON.stringify(variant.tables) };
    const { code, output } = await app.run("../main.mjs", [], env);
    const found = [{ name: "Ada", job: { status: "succeeded" } }];
    expect({ code, output }).toEqual({
      code: 0,
      output: `${JSON.stringify({ found, hasModels: variant.hasModels })}\n`,
    });
  });
});

test.each<[what: string, schemas: string, variant: Partial<FileVariant>]>([
  ["as it is shipped", "", {}],
  [
    "in all its variations",
    '  schemas = ["public", "queue"]\n',
    { tables: { schema: "queue", prefix: "pq_" }, hidden: modelNames() },
  ],
])(
  "the file is formatted as Prisma would, %s, so that it stays as it is in an app",
  {
    timeout: TIMEOUT_MS,
  },
  async (_what, schemas, variant) => {
    const datasource = `datasource db {\n  provider = "postgresql"\n${schemas}}\n`;
    const app = createAppOnPrisma(`${GENERATOR}\n${datasource}`, () => vary(variant));
    const database = await createTestDatabase({ empty: true });
    try {
      const file = join(app.path, "prisma/schema/procrastinate.prisma");
      await app.prisma(["format"], database);
      expect(readFileSync(file, "utf8")).toBe(vary(variant));
    } finally {
      app.remove();
      await database.drop();
    }
  },
);
