import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
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
const bulk = defineTask({ name: "mail:bulk", queue: "mail" });
const odd = defineTask({ name: "$(touch pwned)", queue: "$(touch pwned)" });
export const app = createApp({ connector: drizzleConnector(drizzle(pool)), tasks: [greet, bulk, odd] });
`;

let folder: AppFolder;
let database: TestDatabase;
beforeAll(async () => {
  folder = createAppFolder({});
  folder.write("src/app.ts", APP);
  folder.write("src/noisy.ts", `console.log("greeting\\tof the app"); export { app } from "./app.ts";`);
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

const piped = (input: string) =>
  folder.run(
    "procrastinate/dist/src/cli/main.js",
    ["shell"],
    { DATABASE_URL: database.url, PROCRASTINATE_APP: "src/app.ts" },
    input,
  );

test("the shell runs what is piped in as a script: in order, with await, and prints values without prompts", async () => {
  const script = [
    "const id = await defer(tasks.greet, { name: 'Ada' }, { queue: 'piped' });",
    "function double(n) {",
    "  return n * 2;",
    "}",
    "",
    "console.log('logged');",
    "double(typeof id === 'bigint' ? 21 : 0)",
    "(await queues.list()).find(({ name }) => name === 'piped').todo",
  ];
  expect(await piped(script.join("\n"))).toEqual({ code: 0, output: "logged\n42\n1\n" });
});

test.each([
  ["throws", "throw new Error('on purpose')", 1, "procrastinate: on purpose\n"],
  ["rejects", "await Promise.reject(new Error('later'))", 1, "procrastinate: later\n"],
  ["throws nothing", "throw undefined", 1, "procrastinate: undefined\n"],
  ["rejects with nothing", "await Promise.reject()", 1, "procrastinate: undefined\n"],
  ["cannot be read", "foo bar", 1, "procrastinate: Unexpected identifier 'bar'\n"],
  ["is refused", "await queues.pause('')", 2, 'procrastinate: name: "" is not a name.'],
])("the script ends with the first command that %s", async (_what, command, code, output) => {
  const run = await piped(`1\n${command}\n2\n`);
  expect(run).toMatchObject({ code, output: expect.stringMatching(/^1\n/) });
  expect(run.output).toContain(output);
  expect(run.output).not.toContain("\n2\n");
});

test("a script that ends within a command fails", async () => {
  expect(await piped("1\ndefer(\n")).toEqual({
    code: 1,
    output: "1\nprocrastinate: What was piped in ends within a command.\n",
  });
});

test("a shell is helped to complete commands and options", async () => {
  expect((await cli("completion", "bash")).output).toContain("procrastinate complete --");
  expect((await cli("complete", "--", "queues", "p")).output).toMatch(/^pause\t/m);
  expect((await cli("complete", "--", "worker", "--conc")).output).toMatch(/^--concurrency\t/m);
});

/** What bash would offer for a line, with its cursor at the end. */
async function completed(line: string): Promise<string[]> {
  const { output: script } = await cli("completion", "bash");
  const main = join(folder.path, "node_modules/procrastinate/dist/src/cli/main.js");
  const node = `"${process.execPath}" --preserve-symlinks --preserve-symlinks-main`;
  const run = spawnSync(
    "bash",
    [
      "-c",
      `procrastinate() { ${node} "${main}" "$@"; }\n${script}\n__procrastinate_complete; printf '%s\\n' "\${COMPREPLY[@]}"`,
    ],
    { cwd: folder.path, encoding: "utf8", env: { ...process.env, COMP_LINE: line, COMP_POINT: String(line.length) } },
  );
  expect(run.stderr).toBe("");
  return run.stdout.split("\n").filter((offer) => offer !== "");
}

test("bash completes commands, options and their values, also behind an equals sign", async () => {
  expect(await completed("procrastinate queues p")).toEqual(["pause"]);
  expect(await completed("procrastinate queues ")).toEqual(["list", "pause", "resume", "help"]);
  expect(await completed("procrastinate worker --conc")).toEqual(["--concurrency"]);
  expect(await completed("procrastinate --log-format=j")).toEqual(["json"]);
  expect(await completed("procrastinate jobs list --status=failed,a")).toEqual(["failed,aborted"]);
  expect(await completed("procrastinate nothing-of-the-kind x")).toEqual([]);
});

test("bash completes names of tasks and queues, those that are words", async () => {
  expect(await completed("procrastinate -a src/noisy.ts defer ")).toEqual(["greet", "mail:bulk"]);
  expect(await completed("procrastinate jobs list -a src/app.ts --task=mail:b")).toEqual(["bulk"]);
  expect(await completed("procrastinate worker --app src/app.ts --queues mail,")).toEqual([
    "mail,default",
    "mail,mail",
  ]);
  expect(await completed("procrastinate -a none.ts queues pause ")).toEqual([]);
});

test("bash runs nothing of what was typed when it completes", async () => {
  for (const typed of ["$(touch pwned)", "`touch pwned`", '"$(touch pwned)"', "; touch pwned", "<(touch pwned)", "'"]) {
    await completed(`procrastinate ${typed}`);
    await completed(`procrastinate queues ${typed} p`);
  }
  expect(existsSync(join(folder.path, "pwned"))).toBe(false);
}, 60_000);
