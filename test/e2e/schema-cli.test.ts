import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createApp, silentLogger } from "../../src/index.ts";
import { type AppFolder, createAppFolder } from "../support/app-folder.ts";
import { createTestDatabase } from "../support/database.ts";
import { pgConnector } from "../support/pg-connector.ts";
import { runSql } from "../support/run-sql.ts";

let folder: AppFolder;
beforeAll(() => {
  folder = createAppFolder({});
});
afterAll(() => folder.remove());
afterEach(() => {
  for (const name of readdirSync(folder.path)) {
    if (name !== "node_modules" && name !== "package.json") rmSync(join(folder.path, name), { recursive: true });
  }
  folder.write("package.json", JSON.stringify({ name: "app", private: true, type: "module" }));
});

const schema = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  folder.run("procrastinate/dist/src/cli/main.js", ["schema", ...args], env);
const read = (file: string): string => readFileSync(join(folder.path, file), "utf8");
const SHIPPED = () => read("node_modules/procrastinate/prisma/procrastinate.prisma");

const GENERATOR = `generator client {\n  provider = "prisma-client"\n  previewFeatures = ["partialIndexes"]\n}\n`;
const DATASOURCE = `datasource db {\n  provider = "postgresql"\n}\n`;
const CONFIG = `import { defineConfig } from "prisma/config";\nexport default defineConfig({ schema: "db/models" });\n`;

function writePrisma(text = GENERATOR + DATASOURCE): void {
  folder.write("prisma.config.ts", CONFIG);
  folder.write("db/models/schema.prisma", text);
}

/** What is in the app's folder, without what is installed. */
const files = () =>
  readdirSync(folder.path, { recursive: true, encoding: "utf8" })
    .filter((name) => !name.startsWith("node_modules") && /\.\w+$/.test(name))
    .sort();

describe("schema add for Prisma", () => {
  test("writes the file into the folder of prisma.config.ts and says what comes next", async () => {
    writePrisma();
    const { code, output } = await schema(["add", "--orm", "prisma"]);
    expect(output).toMatch(
      /^Wrote db\/models\/procrastinate\.prisma \(schema version 1\)\.\n\nNext:\n {2}npx prisma migrate dev/,
    );
    expect(output).toMatch(
      /--create-only --name procrastinate_checks_1\n.*sql --extras prisma \| tee "\$\(ls -d prisma\/migrations\/\*_procrastinate_checks_1 \| tail -n 1\)/,
    );
    expect(code).toBe(0);
    expect(read("db/models/procrastinate.prisma")).toBe(SHIPPED());
    expect(files()).toHaveLength(4);
    expect(await schema(["add", "--orm", "prisma"])).toMatchObject({
      code: 0,
      output: expect.stringMatching(/is there already, as it should be/),
    });
  });

  test.each<[where: string, write: () => void, args: string[], file: string]>([
    [
      "package.json",
      () => {
        folder.write("package.json", JSON.stringify({ type: "module", prisma: { schema: "./models" } }));
        folder.write("models/schema.prisma", GENERATOR + DATASOURCE);
      },
      [],
      "models/procrastinate.prisma",
    ],
    [
      "the convention",
      () => folder.write("prisma/schema/schema.prisma", GENERATOR + DATASOURCE),
      [],
      "prisma/schema/procrastinate.prisma",
    ],
    [
      "--path, a folder",
      () => folder.write("x/schema.prisma", GENERATOR + DATASOURCE),
      ["--path", "x"],
      "x/procrastinate.prisma",
    ],
    [
      "--path, a file",
      () => folder.write("x/schema.prisma", GENERATOR + DATASOURCE),
      ["--path", "x/queue.prisma"],
      "x/queue.prisma",
    ],
  ])("finds the folder by %s", async (_where, write, args, file) => {
    write();
    const { code, output } = await schema(["add", "--orm", "prisma", ...args]);
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining(`Wrote ${file}`) });
    expect(read(file)).toBe(SHIPPED());
  });

  test("takes a folder below that of the schema, and finds the file there again", async () => {
    writePrisma();
    folder.write("db/models/queue/notes.md", "");
    const file = "db/models/queue/queue.prisma";
    expect(await schema(["add", "--orm", "prisma", "--path", file])).toMatchObject({ code: 0 });
    for (const args of [[], ["--path", file]]) {
      const { code, output } = await schema(["check", "--no-database", ...args]);
      expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining(`Schema file ${file}: OK`) });
    }
  });

  test("hides the models, and puts them elsewhere under other names", async () => {
    writePrisma(`${GENERATOR}datasource db {\n  provider = "postgresql"\n  schemas = ["public", "queue"]\n}\n`);
    const args = ["add", "--orm", "prisma", "--ignore", "--schema", "queue", "--prefix", "pq_"];
    const { code, output } = await schema(args);
    expect({ code, output }).toMatchObject({
      code: 0,
      output: expect.stringMatching(/createApp\(\{ tables: \{ schema: "queue", prefix: "pq_" \} \}\)/),
    });
    const text = read("db/models/procrastinate.prisma");
    expect(text.match(/^ {2}@@ignore$/gm)).toHaveLength(6);
    expect(text.match(/^ {2}@@schema\("queue"\)$/gm)).toHaveLength(8);
    expect(text).toContain('@@map("pq_jobs")');
    expect(text).not.toContain('"procrastinate_');
  });

  test.each<[what: string, write: () => void, args: string[], message: RegExp]>([
    ["no Prisma schema", () => undefined, [], /No Prisma schema was found: .*--path prisma\/schema/],
    [
      "a folder that is not there",
      () => undefined,
      ["--path", "none/models"],
      /--path: "none\/models" is in no folder that exists/,
    ],
    [
      "a config that names nothing",
      () => folder.write("prisma.config.ts", CONFIG),
      [],
      /schema in prisma\.config\.ts: db\/models does not exist\. Mend it, or give/,
    ],
    [
      "a config that throws",
      () => folder.write("prisma.config.ts", "throw new Error('no such variable');"),
      [],
      /prisma\.config\.ts could not be loaded\. Mend it, or give .*\n {2}because: no such variable/,
    ],
    [
      "a schema that is one file",
      () => folder.write("prisma/schema.prisma", GENERATOR + DATASOURCE),
      [],
      /is the one file prisma\/schema\.prisma, .* set schema: "prisma" in prisma\.config\.ts/,
    ],
    [
      "a client without the preview feature",
      () => writePrisma(GENERATOR.replace(/.*previewFeatures.*\n/, "") + DATASOURCE),
      [],
      /schema\.prisma: generator client lacks the preview feature partialIndexes.* Add it: previewFeatures = \["partialIndexes"\]/,
    ],
    [
      "a client with other preview features",
      () => writePrisma(GENERATOR.replace("partialIndexes", "views") + DATASOURCE),
      [],
      /Add it to the list: previewFeatures = \["views", "partialIndexes"\]/,
    ],
    [
      "another database",
      () => writePrisma(GENERATOR + DATASOURCE.replace("postgresql", "sqlite")),
      [],
      /datasource is for sqlite\. The queue needs provider = "postgresql"/,
    ],
    [
      "a Postgres schema that the datasource lacks",
      writePrisma,
      ["--schema", "queue"],
      /has no list of schemas\. Add it, schemas = \["public", "queue"\]/,
    ],
    [
      "a Postgres schema that is not in the list",
      () => writePrisma(GENERATOR + DATASOURCE.replace("}", '  schemas = ["public", "app"]\n}')),
      ["--schema", "queue"],
      /has schemas = \["public", "app"\]\. Add "queue" to it/,
    ],
    [
      "no Postgres schema where each model needs one",
      () => writePrisma(GENERATOR + DATASOURCE.replace("}", '  schemas = ["public", "app"]\n}')),
      [],
      /each model needs its own\. Say which: --schema public/,
    ],
    [
      "a prefix that breaks out of its quotes",
      writePrisma,
      ["--prefix", 'p")\nmodel X {'],
      /--prefix: .*cannot stand in a schema file/,
    ],
    ["a schema of Postgres itself", writePrisma, ["--schema", "pg_queue"], /begins with pg_/],
    [
      "a file that differs",
      () => {
        writePrisma();
        folder.write("db/models/procrastinate.prisma", "model Mine {\n}\n");
      },
      [],
      /procrastinate\.prisma is there already, and differs.*schema sync/,
    ],
    [
      "models that are in another file",
      () => writePrisma(`${GENERATOR}${DATASOURCE}model ProcrastinateJob {\n  id Int @id\n}\n`),
      [],
      /The queue's models are in db\/models\/schema\.prisma already/,
    ],
  ])("refuses %s, writes nothing and says what to do", async (_what, write, args, message) => {
    write();
    const before = files().map((file) => [file, read(file)]);
    const { code, output } = await schema(["add", "--orm", "prisma", ...args]);
    expect({ code, output }).toMatchObject({ code: 2, output: expect.stringMatching(message) });
    expect(files().map((file) => [file, read(file)])).toEqual(before);
  });
});

describe("schema add for Drizzle", () => {
  test("writes a file that exports the tables, wherever they are", async () => {
    folder.write("src/schema.ts", "export {};\n");
    const { code, output } = await schema(["add", "--orm", "drizzle", "--path", "src/queue.ts"]);
    expect({ code, output }).toMatchObject({
      code: 0,
      output: expect.stringMatching(/Wrote src\/queue\.ts[\s\S]*export \* from "\.\/queue\.ts"/),
    });
    expect(read("src/queue.ts")).toMatch(/^export \* from "procrastinate\/drizzle\/schema";$/m);
    const other = ["add", "--orm", "drizzle", "--path", "src/queue.ts", "--prefix", "pq_"];
    expect(await schema(other)).toMatchObject({
      code: 2,
      output: expect.stringMatching(/is there already, and differs/),
    });
    await schema(["add", "--orm", "drizzle", "--path", "src/other.ts", "--schema", "queue", "--prefix", "pq_"]);
    expect(read("src/other.ts")).toMatch(
      /\n\} = createProcrastinateTables\(\{ schema: "queue", prefix: "pq_" \}\);\n$/,
    );
  });

  test.each([
    [[], /--path: undefined is no path\. Say which file to write: --path src\/procrastinate-schema\.ts/],
    [["--path", "none/queue.ts"], /--path: "none\/queue\.ts" is in no folder that exists/],
    [["--path", "queue.sql"], /is no file of TypeScript or JavaScript/],
    [["--path", "queue.ts", "--ignore"], /--ignore: true is for Prisma/],
    [["--path", "queue.ts", "--schema", ""], /schema: "" is not a name/],
    [["--path", "queue.ts", "--schema", "a'b"], /--schema: "a'b" has a character that cannot stand in a schema file/],
    [["--path", "queue.ts", "--prefix", "a}b"], /--prefix: "a}b" has a character that cannot stand/],
  ])("refuses %j", async (args, message) => {
    const { code, output } = await schema(["add", "--orm", "drizzle", ...args]);
    expect({ code, output }).toMatchObject({ code: 2, output: expect.stringMatching(message) });
    expect(files()).toEqual(["package.json"]);
  });
});

test("schema add refuses a path that cannot be written, by its name", async () => {
  folder.write("src/queue.ts/x.txt", "");
  const add = (path: string) => schema(["add", "--orm", "drizzle", "--path", path]);
  expect(await add("src/queue.ts")).toEqual({
    code: 2,
    output: "procrastinate: src/queue.ts is not a file. Give another path: --path.\n",
  });
  symlinkSync("nowhere.ts", join(folder.path, "link.ts"));
  expect(await add("link.ts")).toMatchObject({
    code: 2,
    output: expect.stringMatching(/^procrastinate: link\.ts cannot be written: EEXIST/),
  });
});

describe("schema sync", () => {
  const FILE = "db/models/procrastinate.prisma";
  /** As a package before this one would have written it. */
  const older = () => SHIPPED().replace("schema version 1", "schema version 0");

  test("upgrades a file that nobody edited, with its variant and the app's relations", async () => {
    writePrisma();
    const vary = (text: string) =>
      text
        .replace(/^model ProcrastinateEvent \{[\s\S]*?(?=^\})/m, "$&  @@ignore\n")
        .replace(/^ {2}runningLock .*$/m, "$&\n  order Order?");
    folder.write(FILE, vary(older()));
    const { code, output } = await schema(["sync"]);
    expect({ code, output }).toEqual({
      code: 0,
      output: `Wrote ${FILE} (schema version 1).\nNext: npx prisma migrate dev --name procrastinate_1\n`,
    });
    expect(read(FILE)).toBe(vary(SHIPPED()));
    expect(await schema(["sync"])).toEqual({ code: 0, output: `${FILE} is as it should be (schema version 1).\n` });
  });

  test("leaves a file that was edited, unless it is forced", async () => {
    writePrisma();
    const edited = SHIPPED().replace(/^ {2}lease .*\n/m, "");
    folder.write(FILE, edited);
    expect(await schema(["sync"])).toMatchObject({
      code: 2,
      output: expect.stringMatching(
        /was edited by hand[\s\S]*\n {2}\+ lease Int @default\(0\)\nTake your changes back, or overwrite.*--force/,
      ),
    });
    expect(read(FILE)).toBe(edited);
    expect((await schema(["sync", "--force"])).code).toBe(0);
    expect(read(FILE)).toBe(SHIPPED());
  });

  test("finds the file of a Drizzle app, and says when it is of a newer package", async () => {
    folder.write("src/db/x.ts", "export {};\n");
    await schema(["add", "--orm", "drizzle", "--path", "src/db/queue.ts"]);
    const written = read("src/db/queue.ts");
    folder.write("src/db/queue.ts", written.replace("schema version 1", "schema version 0"));
    expect(await schema(["sync"])).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^Wrote src\/db\/queue\.ts/),
    });
    expect(read("src/db/queue.ts")).toBe(written);
    folder.write("src/db/queue.ts", written.replace("schema version 1", "schema version 2"));
    expect(await schema(["sync"])).toMatchObject({
      code: 2,
      output: expect.stringMatching(/of schema version 2, written by a newer procrastinate/),
    });
    folder.write("src/queue.ts", written);
    expect(await schema(["sync"])).toMatchObject({
      code: 2,
      output: expect.stringMatching(/in several files: src\/db\/queue\.ts, src\/queue\.ts\./),
    });
    expect((await schema(["sync", "--path", "src/queue.ts"])).code).toBe(0);
  });

  test("writes through a link, with the mode of the file", async () => {
    folder.write("real/queue.ts", "");
    chmodSync(join(folder.path, "real/queue.ts"), 0o640);
    mkdirSync(join(folder.path, "src"));
    symlinkSync("../real/queue.ts", join(folder.path, "src/queue.ts"));
    expect((await schema(["add", "--orm", "drizzle", "--path", "src/queue.ts"])).code).toBe(0);
    const written = read("real/queue.ts");
    folder.write("real/queue.ts", written.replace("schema version 1", "schema version 0"));
    expect((await schema(["sync", "--path", "src/queue.ts"])).code).toBe(0);
    expect(read("real/queue.ts")).toBe(written);
    expect(lstatSync(join(folder.path, "src/queue.ts")).isSymbolicLink()).toBe(true);
    expect(statSync(join(folder.path, "real/queue.ts")).mode & 0o777).toBe(0o640);
    expect(files()).toEqual(["package.json", "real/queue.ts", "src/queue.ts"]);
  });

  test("takes a byte order mark for nothing", async () => {
    writePrisma();
    folder.write(FILE, `\uFEFF${SHIPPED()}`);
    expect(await schema(["sync"])).toMatchObject({ code: 0, output: expect.stringMatching(/is as it should be/) });
  });

  test("never overwrites what is not the queue's, or what it could not keep", async () => {
    const sync = (path: string) => schema(["sync", "--force", "--path", path]);
    for (const [file, text] of [
      ["src/users.ts", "export const users = 1;\n"],
      ["db/users.prisma", "model User {\n  id Int @id\n}\n"],
    ] as const) {
      folder.write(file, text);
      expect(await sync(file)).toEqual({
        code: 2,
        output: `procrastinate: --path ${file} has nothing of the queue. Give the file that schema add wrote.\n`,
      });
      expect(read(file)).toBe(text);
    }
    await schema(["add", "--orm", "drizzle", "--path", "src/queue.ts", "--prefix", "pq_"]);
    const unreadable = read("src/queue.ts").replace('"pq_"', "PREFIX");
    folder.write("src/queue.ts", unreadable);
    expect(await sync("src/queue.ts")).toMatchObject({
      code: 2,
      output: expect.stringMatching(
        /\(\{ prefix: PREFIX \}\): cannot be read\. Give schema and prefix as plain strings/,
      ),
    });
    expect(read("src/queue.ts")).toBe(unreadable);
  });

  test("says that there is no file", async () => {
    expect(await schema(["sync"])).toMatchObject({
      code: 2,
      output: expect.stringMatching(/No file of the queue's tables was found/),
    });
    expect(await schema(["sync", "--path", "none.ts"])).toMatchObject({
      code: 2,
      output: expect.stringMatching(/--path none\.ts does not exist/),
    });
  });
});

describe("schema sql", () => {
  test.each([
    ["under the default names", [], "procrastinate_", "public", {}],
    [
      "elsewhere",
      ["--schema", 'My "Queue"', "--prefix", "it's "],
      "it's ",
      'My "Queue"',
      { schema: 'My "Queue"', prefix: "it's " },
    ],
  ])("prints what makes the tables %s, and what an ORM cannot say", async (_where, args, prefix, place, tables) => {
    const database = await createTestDatabase({ empty: true });
    const pool = new pg.Pool({ connectionString: database.url, max: 1 });
    try {
      const { code, output } = await schema(["sql", ...args]);
      expect(code).toBe(0);
      await runSql(database.url, output);
      const check = async () => {
        const app = createApp({ connector: pgConnector(pool), tasks: [], tables, logger: silentLogger });
        return (await app.checkTables()).findings.map(({ object }) => object);
      };
      expect(await check()).toEqual([]);
      const id = (name: string) => `"${place.replaceAll('"', '""')}"."${prefix}${name}"`;
      const checks = ["names", "abort", "finished", "queueing_key", "running_lock", "findable", "wake", "schedule"];
      for (const name of checks) {
        await runSql(database.url, `alter table ${id("jobs")} drop constraint "${prefix}jobs_${name}_check"`);
      }
      await runSql(database.url, `alter table ${id("jobs")} reset (fillfactor)`);
      expect(await check()).toHaveLength(checks.length + 1);
      const { output: extras } = await schema(["sql", "--extras", "prisma", ...args]);
      // Again where some of it is there: one check that is missing is mended by the same command.
      for (let round = 0; round < 2; round++) {
        await runSql(database.url, extras);
        expect(await check()).toEqual([]);
      }
      const { output: storage } = await schema(["sql", "--extras", "drizzle", ...args]);
      expect(storage.trim().split("\n")).toHaveLength(2);
      await runSql(database.url, storage);
    } finally {
      await pool.end();
      await database.drop();
    }
  });

  test("has nothing to print for the newest version, and refuses those that it does not know", async () => {
    expect(await schema(["sql", "--from", "1"])).toEqual({
      code: 0,
      output: "-- The tables have version 1 already: nothing to do.\n",
    });
    for (const from of ["0", "2", "1.5", "-1"]) {
      expect(await schema(["sql", `--from=${from}`])).toMatchObject({
        code: 2,
        output: expect.stringMatching(
          /--from: \S+ is not a version of the tables that this package knows: 1 is the only one/,
        ),
      });
    }
    expect(await schema(["sql", "--from", "one"])).toMatchObject({
      code: 2,
      output: expect.stringMatching(/"one" is not a number/),
    });
    expect(await schema(["sql", "--from", "1", "--extras", "prisma"])).toMatchObject({ code: 2 });
    expect(await schema(["sql", "--prefix", "p".repeat(60)])).toMatchObject({
      code: 2,
      output: expect.stringMatching(/Postgres has room for 63/),
    });
  });
});

describe("schema check", () => {
  const APP = (tables: string) => `
import { drizzle } from "drizzle-orm/node-postgres";
import { createApp } from "procrastinate";
import { drizzleConnector } from "procrastinate/drizzle";
export const app = createApp({ connector: drizzleConnector(drizzle(process.env["DATABASE_URL"])), tasks: [], tables: ${tables} });
`;

  test("compares package, file and database, and says what to run", async () => {
    const database = await createTestDatabase();
    const check = (args: readonly string[] = []) =>
      schema(["check", "--app", "src/app.ts", ...args], { DATABASE_URL: database.url });
    try {
      folder.write("src/app.ts", APP("{}"));
      expect(await check()).toEqual({
        code: 0,
        output:
          "Package: schema version 1\nSchema file: none (none is needed where the app exports procrastinate/drizzle/schema)\n" +
          "Database: schema version 1, OK\n",
      });
      await schema(["add", "--orm", "drizzle", "--path", "src/queue.ts"]);
      expect((await check()).output).toMatch(/^Schema file src\/queue\.ts: OK$/m);
      await runSql(
        database.url,
        "drop index procrastinate_jobs_wake_idx; alter table procrastinate_jobs reset (fillfactor)",
      );
      const { code, output } = await check();
      expect({ code, output }).toEqual({
        code: 3,
        output: `Package: schema version 1
Schema file src/queue.ts: OK
Database: schema version 1
  missing: index procrastinate_jobs_wake_idx: on jobs using btree (wake_at) WHERE ((NOT ready) AND (wake_at IS NOT NULL))
  advice: storage procrastinate_jobs: without fillfactor the queue is slower under load
procrastinate: The queue's schema is not as it should be.
Run:
  npx drizzle-kit generate
  npx drizzle-kit migrate
`,
      });
      folder.write("src/app.ts", APP('{ schema: "queue" }'));
      expect(await check()).toMatchObject({
        code: 3,
        output: expect.stringMatching(/there are some in the Postgres schema "public"/),
      });
    } finally {
      await database.drop();
    }
  });

  test("tells a database that does not answer from one that is wrong", async () => {
    folder.write("src/app.ts", APP("{}"));
    const nowhere = { DATABASE_URL: "postgres://u:secret@127.0.0.1:1/x" };
    const { code, output } = await schema(["check", "--app", "src/app.ts"], nowhere);
    expect({ code, output }).toMatchObject({ code: 1, output: expect.stringMatching(/ECONNREFUSED/) });
    expect(output).not.toMatch(/secret/);
    expect(await schema(["check"])).toMatchObject({ code: 2, output: expect.stringMatching(/No app was given/) });
  });

  test("misses the models of an app on Prisma, and its tables", async () => {
    const database = await createTestDatabase({ empty: true });
    try {
      // As a client without the models would do it.
      folder.write(
        "app.mjs",
        `import pg from "pg";
import { createApp } from "procrastinate";
import { prismaConnector } from "procrastinate/prisma";
const pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"] });
const $queryRawUnsafe = async (text, ...values) => (await pool.query(text, values)).rows;
const prisma = { $queryRawUnsafe, $executeRawUnsafe() {}, $transaction() {}, $connect() {} };
export const app = createApp({ connector: prismaConnector(prisma), tasks: [] });`,
      );
      writePrisma();
      const check = () => schema(["check", "--app", "app.mjs"], { DATABASE_URL: database.url });
      const { code, output } = await check();
      expect({ code, output }).toEqual({
        code: 3,
        output: `Package: schema version 1
Schema file: missing: the Prisma schema does not declare the queue's models
Database: no tables
  missing: tables procrastinate_*: The queue's tables ("procrastinate_jobs", …) are missing. If they are elsewhere, say so in createApp({ tables }); else make them.
procrastinate: The queue's schema is not as it should be.
Run:
  npx procrastinate schema add --orm prisma
  npx prisma migrate dev --name procrastinate
`,
      });
      await schema(["add", "--orm", "prisma"]);
      await runSql(database.url, (await schema(["sql"])).output);
      expect(await check()).toMatchObject({ code: 0 });
      await runSql(database.url, "alter table procrastinate_jobs drop constraint procrastinate_jobs_wake_check");
      expect(await check()).toMatchObject({
        code: 3,
        output: expect.stringMatching(
          /Run:\n {2}npx prisma migrate dev --create-only .*\n.*schema sql --extras prisma \| tee /,
        ),
      });
    } finally {
      await database.drop();
    }
  });

  test("looks at the file alone where it is told to", async () => {
    writePrisma();
    await schema(["add", "--orm", "prisma"]);
    const alone = () => schema(["check", "--no-database"]);
    expect(await alone()).toEqual({
      code: 0,
      output: "Package: schema version 1\nSchema file db/models/procrastinate.prisma: OK\nDatabase: not looked at\n",
    });
    const file = "db/models/procrastinate.prisma";
    folder.write(file, SHIPPED().replace(', where: raw("ready")', ""));
    expect(await alone()).toMatchObject({
      code: 3,
      output: expect.stringMatching(/edited by hand[\s\S]*\+ @@index\(\[queueName/),
    });
    folder.write(file, SHIPPED().replace("version 1", "version 0"));
    expect(await alone()).toMatchObject({
      code: 3,
      output: expect.stringMatching(/of schema version 0[\s\S]*Run:\n {2}npx procrastinate schema sync\n$/),
    });
    folder.write(file, "");
    expect(await alone()).toMatchObject({
      code: 3,
      output: expect.stringMatching(
        /Schema file: missing[\s\S]*Run:\n {2}npx procrastinate schema add --orm prisma\n$/,
      ),
    });
    expect((await schema(["add", "--orm", "prisma"])).code).toBe(0);
    expect(read(file)).toBe(SHIPPED());
    folder.write("db/models/schema.prisma", GENERATOR.replace("partialIndexes", "views") + DATASOURCE);
    expect(await alone()).toMatchObject({
      code: 3,
      output: expect.stringMatching(/lacks the preview feature partialIndexes/),
    });
    expect(existsSync(join(folder.path, file))).toBe(true);
  });

  test("names a package.json that is none", async () => {
    folder.write("package.json", "{bad");
    expect(await schema(["check", "--no-database"])).toMatchObject({
      code: 2,
      output: expect.stringMatching(/package\.json could not be read\. Mend it/),
    });
  });
});
