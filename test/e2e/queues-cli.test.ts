import { afterAll, beforeAll, expect, test } from "vitest";
import { type AppFolder, createAppFolder } from "../support/app-folder.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

const APP = `
import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { createApp, defineTask } from "procrastinate";
import { drizzleConnector } from "procrastinate/drizzle";
const pool: pg.Pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"] });
const greet = defineTask({ name: "greet", run: ({ name }: { name: string }) => console.log("hello", name) });
export const app = createApp({ connector: drizzleConnector(drizzle(pool)), tasks: [greet] });
`;

let folder: AppFolder;
let database: TestDatabase;
beforeAll(async () => {
  folder = createAppFolder({});
  folder.write("src/app.ts", APP);
  database = await createTestDatabase();
});
afterAll(async () => {
  folder.remove();
  await database.drop();
});

const cli = (...args: string[]) =>
  folder.run("procrastinate/dist/src/cli/main.js", args, {
    DATABASE_URL: database.url,
    PROCRASTINATE_APP: "src/app.ts",
  });

test("queues are paused, listed, left alone by workers and resumed from the command line", {
  timeout: 90_000,
}, async () => {
  expect(await cli("queues", "pause", "default")).toMatchObject({ code: 0, output: "Paused default\n" });
  const deferred = await cli("shell", `const id = await defer(tasks.greet, { name: "Ada" }); return id;`);
  expect(deferred).toMatchObject({ code: 0, output: "1n\n" });
  expect((await cli("worker", "--one-shot")).output).not.toContain("hello");
  const listed = JSON.parse((await cli("queues", "list", "--json")).output);
  expect(listed).toEqual({ name: "default", todo: 1, doing: 0, pausedAt: expect.stringMatching(/^\d{4}-.*Z$/) });
  expect((await cli("queues", "resume", "default")).output).toBe("Resumed default\n");
  expect((await cli("queues", "resume", "default")).output).toBe("default is not paused\n");
  expect((await cli("worker", "--one-shot")).output).toContain("hello Ada");
});

test("the shell evaluates an expression with await, and fails with what that throws", async () => {
  const evaluated = await cli("shell", "-e", "(await app.queues.list()).length + Object.keys(tasks).length");
  expect(evaluated).toMatchObject({ code: 0, output: expect.stringMatching(/^\d+\n$/) });
  const failed = await cli("shell", `throw new Error("on purpose")`);
  expect(failed).toMatchObject({ code: 1, output: expect.stringContaining("on purpose") });
});

test("the shell reads from its input, awaits, and ends with it", async () => {
  const { code, output } = await folder.run(
    "procrastinate/dist/src/cli/main.js",
    ["shell"],
    { DATABASE_URL: database.url, PROCRASTINATE_APP: "src/app.ts" },
    "(await queues.list()).length * 1000 + 7\n",
  );
  expect({ code, output }).toMatchObject({ code: 0, output: expect.stringMatching(/> \d*7\n/) });
});

test("a shell is helped to complete commands and options", async () => {
  expect((await cli("completion", "bash")).output).toContain("procrastinate complete --");
  expect((await cli("complete", "--", "queues", "p")).output).toMatch(/^pause\t/m);
  expect((await cli("complete", "--", "worker", "--conc")).output).toMatch(/^--concurrency\t/m);
});
