import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AppFolder, createAppFolder } from "../support/app-folder.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { runSql } from "../support/run-sql.ts";
import { readPages } from "./markdown.ts";
import { installBinaries, readImported, readQuickStart, shell } from "./reader.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Eight seconds where nothing else runs. */
const TIMEOUT_MS = 90_000;

const STARTS = [
  { heading: "## Start in 60 seconds", users: "users", tools: ["drizzle-kit", "tsx"], count: 3 },
  { heading: "## Start in 60 seconds with Prisma", users: '"User"', tools: ["prisma", "tsx"], count: 4 },
];

describe.each(STARTS)("$heading", ({ heading, users, tools, count }) => {
  const readme = readPages(ROOT).find(({ path }) => path === "README.md") ?? { path: "README.md", text: "" };
  const { blocks, commands, installed } = readQuickStart(readme, heading);
  let folder: AppFolder;
  let database: TestDatabase;

  beforeAll(async () => {
    folder = createAppFolder({});
    installBinaries(join(folder.path, "node_modules"), installed);
    database = await createTestDatabase({ empty: true });
    for (const { file, code } of blocks) if (file !== undefined) folder.write(file, code);
  });
  afterAll(async () => {
    folder.remove();
    await database.drop();
  });

  test("installs what its files import and its commands run", () => {
    const { dependencies, devDependencies } = installed;
    const imported = readImported(blocks);
    expect(imported.length).toBeGreaterThan(5);
    for (const name of imported) expect([...dependencies, ...devDependencies]).toContain(name);
    expect(dependencies).toContain("procrastinate");
    expect(devDependencies).toEqual(expect.arrayContaining(tools));
  });

  test("migrates, commits a user with a job, and runs it", { timeout: TIMEOUT_MS }, async () => {
    expect(commands).toHaveLength(count);
    const outputs: string[] = [];
    for (const command of commands) {
      // The reader ends the worker by hand.
      const env = { DATABASE_URL: database.url, PROCRASTINATE_WORKER_ONE_SHOT: "true" };
      const { code, output } = await shell(folder, command, env);
      expect(code, `${command}\n${output}`).toBe(0);
      outputs.push(output);
    }
    expect(outputs.at(-2)).toMatch(/User \S+ and job 1 are one commit/);
    expect(outputs.at(-1)).toMatch(/Welcome, ada@example\.com!/);
    const jobs = await runSql(database.url, "select task_name, status::text, attempts from procrastinate_jobs");
    expect(jobs).toEqual([{ task_name: "emails.sendWelcome", status: "succeeded", attempts: 1 }]);
    expect(await runSql(database.url, `select email from ${users}`)).toEqual([{ email: "ada@example.com" }]);
  });
});
