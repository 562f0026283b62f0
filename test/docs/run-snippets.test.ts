import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AppFolder, createAppFolder } from "../support/app-folder.ts";
import { spawnChild } from "../support/child.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { runSql } from "../support/run-sql.ts";
import { type Block, fileOf, findBlocks, type Page, readPages } from "./markdown.ts";
import { CLEAR, findSteps, type PagePlan } from "./page-steps.ts";
import { generateClient } from "./prisma-client.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TIMEOUT_MS = 90_000;

/** The database of the pages. */
const URL_OF_PAGES = "postgresql://localhost/app";
const ON_PGLITE = "each PGlite takes seconds to start, and the conformance suite runs on it with either ORM";
/** What is not run, and why. */
const NOT_RUN: Readonly<Record<string, string>> = {
  "docs/drizzle/src/db-pglite.ts": ON_PGLITE,
  "docs/prisma/src/app-pglite.ts": ON_PGLITE,
};

const allPages = readPages(ROOT);
const pageOf = (path: string): Page => allPages.find((page) => page.path === path) ?? { path, text: "" };
const filesOf = (page: Page): Block[] => findBlocks(page).filter(({ language }) => /^[jt]s$/.test(language));
/** Its blocks are tests, for Vitest. */
const TESTING = "docs/testing.md";
/** The quick starts of the README are run as a reader would. */
const pages = allPages.filter((page) => page.path !== "README.md" && filesOf(page).length > 0);

let folder: AppFolder;
let database: TestDatabase;
beforeAll(async () => {
  folder = createAppFolder({});
  database = await createTestDatabase();
  for (const page of pages) {
    for (const block of filesOf(page)) folder.write(fileOf(block), block.code.replaceAll(URL_OF_PAGES, database.url));
  }
});
afterAll(async () => {
  folder.remove();
  await database.drop();
});

function planOf(page: Page): PagePlan {
  const place = (file: string): string => join(folder.path, file);
  return {
    page: page.path,
    folder: place(page.path.replace(/\.md$/, "")),
    steps: findSteps(page)
      .filter((step) => step.kind !== "module" || NOT_RUN[step.file] === undefined)
      .map((step) => (step.kind === "module" ? { ...step, file: place(step.file) } : step)),
  };
}

test.each(Object.entries(NOT_RUN))("%s is there and is not run: %s", (file) => {
  expect(pages.flatMap(filesOf).filter((block) => fileOf(block) === file)).toHaveLength(1);
});

describe("the blocks of a page run, and do what it says", () => {
  const run = pages.filter(({ path }) => path !== TESTING);
  let report: Record<string, string> = {};
  let output = "";

  beforeAll(async () => {
    await generateClient(folder, pageOf("README.md"), ["docs/prisma"]);
    folder.write("plans.json", JSON.stringify(run.map(planOf)));
    const files = ["plans.json", "report.json"].map((name) => join(folder.path, name));
    const child = spawnChild(join(ROOT, "test/docs/run-pages.ts"), {
      ...{ args: files, cwd: folder.path, env: { DATABASE_URL: database.url } },
    });
    await child.exited;
    output = [...child.lines, ...child.errors].join("\n");
    if (existsSync(files[1] ?? "")) report = JSON.parse(readFileSync(files[1] ?? "", "utf8"));
  }, TIMEOUT_MS);

  test.each(run.map(({ path }) => path))("%s", (path) => {
    expect(report[path], output).toBe("");
  });
});

test("the tests of the page on testing pass", { timeout: TIMEOUT_MS }, async () => {
  const page = pageOf(TESTING);
  const { steps } = planOf(page);
  await runSql(database.url, CLEAR);
  for (const step of steps) if (step.kind === "sql") await runSql(database.url, step.sql);
  const [betweenTests] = findBlocks(page).filter(({ language }) => language === "sql");
  folder.write(
    "between-tests.ts",
    `import { Client } from "pg";
     import { beforeEach } from "vitest";
     beforeEach(async () => {
       const client = new Client(${JSON.stringify(database.url)});
       await client.connect();
       await client.query(${JSON.stringify(betweenTests?.code)});
       await client.end();
     });`,
  );
  const files = steps.filter((step) => step.kind === "module" && step.file.endsWith(".test.ts"));
  const config = {
    include: ["docs/testing/*.test.ts"],
    setupFiles: ["between-tests.ts"],
    isolate: false,
    maxWorkers: 1,
    // On Node 20 something keeps Vite from ending, for which it would wait ten seconds.
    teardownTimeout: 200,
  };
  folder.write("vitest.config.mjs", `export default { test: ${JSON.stringify(config)} };`);
  const vitest = spawnChild(join(ROOT, "node_modules/vitest/vitest.mjs"), {
    ...{ args: ["run"], cwd: folder.path, isCompiled: true, env: { NO_COLOR: "1" } },
  });
  const { code } = await vitest.exited;
  const output = [...vitest.lines, ...vitest.errors].join("\n");
  expect(code, output).toBe(0);
  expect(output).toMatch(new RegExp(`Test Files +${files.length} passed \\(${files.length}\\)`));
});
