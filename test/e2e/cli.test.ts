import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type AppFolder, createAppFolder } from "../support/app-folder.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { runSql } from "../support/run-sql.ts";
import { until } from "../support/until.ts";

const APP = `
import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { createApp, periodic } from "procrastinate";
import { drizzleConnector } from "procrastinate/drizzle";
import { tasks } from "@/tasks";
const pool: pg.Pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"] });
export const app = createApp({ connector: drizzleConnector(drizzle(pool)), tasks });
const hello = periodic(tasks[0], { cron: "0 3 * * *", periodicId: "hello", args: { name: "Ada" } });
export const scheduled = createApp({ connector: drizzleConnector(drizzle(pool)), tasks, periodic: [hello] });
export const other = Promise.resolve(createApp({ connector: drizzleConnector(drizzle(pool)), tasks: [] }));
`;
const TASKS = `
import { defineTask } from "procrastinate";
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
export const tasks = [
  defineTask({ name: "greet", run: ({ name }: { name: string }) => console.log("hello", name) }),
  defineTask({ name: "slow", run: async ({ ms }: { ms: number }) => { console.log("begun"); await sleep(ms); console.log("ended"); } }),
  defineTask({ name: "shout", run: () => { throw new Error("\\u001b[31mred"); } }),
  defineTask({ name: "stubborn", run: async () => { console.log("begun"); await sleep(600_000); } }),
];
`;

let folder: AppFolder;
let database: TestDatabase;
const running = new Set<ChildProcess>();

beforeAll(async () => {
  folder = createAppFolder({});
  folder.write("src/app.ts", APP);
  folder.write("src/tasks.ts", TASKS);
  folder.write("tsconfig.json", JSON.stringify({ compilerOptions: { paths: { "@/*": ["./src/*"] } } }));
  folder.write(
    "plain.js",
    `import { createApp } from "procrastinate";
import { drizzleConnector } from "procrastinate/drizzle";
export default createApp({ connector: drizzleConnector({ execute() {}, transaction() {} }), tasks: [] });`,
  );
  folder.write("nothing.ts", "export const queue = 1;");
  folder.write("late.ts", "export const app = Promise.reject(new Error('no config'));");
  folder.write("broken.ts", "throw new Error('no config', { cause: new Error('no file') });");
});
afterAll(() => folder.remove());
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  for (const child of running) child.kill("SIGKILL");
  await database.drop();
});

const CLI = "procrastinate/dist/src/cli/main.js";
const DEFAULT_ENV = { PROCRASTINATE_APP: "src/app.ts" };

function cli(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return folder.run(CLI, args, { DATABASE_URL: database.url, ...DEFAULT_ENV, ...env });
}

/** Starts the CLI and gives its output while it runs. */
function start(args: readonly string[]) {
  const child = spawn(process.execPath, [join(folder.path, "node_modules", CLI), ...args], {
    cwd: folder.path,
    env: { ...process.env, DATABASE_URL: database.url, ...DEFAULT_ENV, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  let output = "";
  const collect = (data: Buffer): void => {
    output += data.toString();
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  const ended = once(child, "close").then(() => {
    running.delete(child);
    return { code: child.exitCode, signal: child.signalCode };
  });
  return { child, ended, output: () => output };
}

const statuses = () =>
  runSql<{ task_name: string; status: string }>(
    database.url,
    "select task_name, status::text from procrastinate_jobs order by id",
  );

describe("defer and worker", () => {
  test("defers jobs, prints their ids and runs them in one shot, with a TypeScript app and its tsconfig paths", async () => {
    const deferred = await cli([
      "defer",
      "greet",
      '{"name":"Ada"}',
      "--priority",
      "3",
      "--queue",
      "mail",
      "--lock",
      "l",
      "--lock-mode",
      "mutex",
    ]);
    expect(deferred).toEqual({ code: 0, output: "1\n" });
    expect(await cli(["defer", "elsewhere", "--unknown", "--queue", "other"])).toEqual({ code: 0, output: "2\n" });
    const worked = await cli(["worker", "-q", "mail, default", "--log-format", "json"], {
      PROCRASTINATE_WORKER_WAIT: "0",
    });
    expect(worked.code).toBe(0);
    expect(worked.output).toMatch(/^hello Ada$/m);
    expect(worked.output).toMatch(/"action":"start_worker"/);
    expect(await statuses()).toEqual([
      { task_name: "greet", status: "succeeded" },
      { task_name: "elsewhere", status: "todo" },
    ]);
    expect(await runSql(database.url, "select lock, mutex from procrastinate_jobs where lock is not null")).toEqual([
      { lock: "l", mutex: true },
    ]);
  });

  test("refuses a job whose queueing lock is taken, unless told to ignore that", async () => {
    const args = ["defer", "greet", '{"name":"x"}', "--queueing-lock", "once", "--in", "60"];
    expect((await cli(args)).code).toBe(0);
    const refused = await cli(args);
    expect(refused).toMatchObject({
      code: 1,
      output: expect.stringMatching(/queueing lock "once" is waiting already/),
    });
    const ignored = await cli(args, { PROCRASTINATE_DEFER_IGNORE_ALREADY_ENQUEUED: "yes" });
    expect(ignored).toMatchObject({ code: 0, output: expect.stringMatching(/Already enqueued/) });
  });

  test("finishes what runs on SIGTERM and exits with 0", async () => {
    await cli(["defer", "slow", '{"ms":300}']);
    const worker = start(["worker"]);
    await until(() => worker.output().includes("begun"));
    worker.child.kill("SIGTERM");
    expect(await worker.ended).toEqual({ code: 0, signal: null });
    expect(worker.output()).toMatch(/ended/);
    expect(await statuses()).toEqual([{ task_name: "slow", status: "succeeded" }]);
  });

  test("goes on when nobody reads what it prints, and leaves the terminal alone", async () => {
    const insert =
      "insert into procrastinate_jobs (task_name, args) values ('greet', '{}'), ('shout', '{}'), ('greet', '{}')";
    await runSql(database.url, insert);
    const worker = start(["worker", "--one-shot", "-c", "1", "--log-format", "pretty"]);
    worker.child.stdout.destroy();
    expect(await worker.ended).toEqual({ code: 0, signal: null });
    expect((await statuses()).map(({ status }) => status)).toEqual(["succeeded", "failed", "succeeded"]);
    expect(worker.output()).toMatch(/Job shout\[2\] failed: \\u001b\[31mred/);
    expect(worker.output()).not.toContain("\u001b");
  });

  test("ends at once on the second signal", async () => {
    await cli(["defer", "stubborn"]);
    const worker = start(["worker"]);
    await until(() => worker.output().includes("begun"));
    worker.child.kill("SIGTERM");
    await until(() => worker.output().includes("Stop requested"));
    worker.child.kill("SIGTERM");
    expect(await worker.ended).toEqual({ code: null, signal: "SIGTERM" });
  });

  test("gives up a handler that ignores its signal, puts its job back and exits with 1", async () => {
    await cli(["defer", "stubborn"]);
    const worker = start(["worker", "--shutdown-grace", "0.1", "--abandon-after", "0.1"]);
    await until(() => worker.output().includes("begun"));
    worker.child.kill("SIGINT");
    expect(await worker.ended).toEqual({ code: 1, signal: null });
    expect(worker.output()).toMatch(/ignored context.signal/);
    expect(await statuses()).toEqual([{ task_name: "stubborn", status: "todo" }]);
  });
});

describe("periodic", () => {
  test("pauses, runs and lists schedules", async () => {
    const app = { PROCRASTINATE_APP: "src/app.ts:scheduled" };
    const reference = ["greet", "--periodic-id", "hello"];
    expect(await cli(["periodic", "pause", ...reference], app)).toEqual({ code: 0, output: "Paused greet hello\n" });
    expect(await cli(["periodic", "run", ...reference], app)).toEqual({ code: 0, output: "1\n" });
    const { output } = await cli(["periodic", "list", "--json"], app);
    const [schedule] = output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(schedule).toMatchObject({ taskName: "greet", periodicId: "hello", args: { name: "Ada" }, nextTick: null });
    expect(await cli(["periodic", "resume", ...reference], app)).toEqual({ code: 0, output: "Resumed greet hello\n" });
    const table = await cli(["periodic", "list"], app);
    expect(table.output).toMatch(
      /^task +id +cron .*\ngreet +hello +0 3 \* \* \* +UTC +\S+T03:00:00.000Z +- +- +- +code\n$/,
    );
    expect(await cli(["periodic", "pause", "greet"], app)).toMatchObject({
      code: 2,
      output: expect.stringMatching(/no schedule of "greet"/),
    });
  });
});

describe("healthcheck", () => {
  test("says that all is well", async () => {
    const { code, output } = await cli(["healthcheck"]);
    expect({ code, output }).toEqual({
      code: 0,
      output: "App: OK (4 tasks)\nDatabase connection: OK\nTables: OK\nRights: may defer: yes, may work: yes\n",
    });
  });

  test("tells missing tables from a missing database, without the password", async () => {
    await runSql(database.url, "drop table procrastinate_jobs");
    expect(await cli(["healthcheck"])).toMatchObject({
      code: 3,
      output: expect.stringMatching(
        /are missing.*first run: npx procrastinate schema add --orm drizzle.* Run: npx drizzle-kit generate/,
      ),
    });
    expect(await cli(["worker"])).toMatchObject({ code: 3, output: expect.stringMatching(/are missing.*Run: npx/) });
    const nowhere = await cli(["healthcheck"], { DATABASE_URL: "postgres://u:secret@127.0.0.1:1/x" });
    expect(nowhere).toMatchObject({ code: 1, output: expect.stringMatching(/ECONNREFUSED/) });
    expect(nowhere.output).not.toMatch(/secret/);
  });

  test("loads an export by its name, and a JavaScript app by default", async () => {
    const named = await cli(["healthcheck", "--app", "src/app.ts:other"]);
    expect(named).toMatchObject({ code: 0, output: expect.stringMatching(/App: OK \(0 tasks\)/) });
    const plain = await cli(["healthcheck", "--app", "plain.js"]);
    expect(plain.output).toMatch(/App: OK \(0 tasks\)/);
  });
});

test.each<[what: string, args: string[], env: Record<string, string>, message: RegExp]>([
  ["no app", ["worker"], { PROCRASTINATE_APP: "" }, /No app was given.*PROCRASTINATE_APP/],
  ["a missing module", ["worker", "-a", "none.ts"], {}, /none\.ts does not exist/],
  ["a module without an app", ["worker", "-a", "nothing.ts"], {}, /does not export an app.*it exports queue/],
  [
    "a module that throws",
    ["worker", "-a", "broken.ts"],
    {},
    /could not be loaded.\n {2}because: no config\n {2}because: no file/,
  ],
  ["a folder", ["worker", "-a", "src"], {}, /src is a folder. Give --app the path of a file/],
  [
    "an app that could not be made",
    ["worker", "-a", "late.ts"],
    {},
    /The app that late.ts exports could not be made.\n {2}because: no config/,
  ],
  [
    "an unknown option",
    ["worker", "--concurency", "2"],
    {},
    /unknown option '--concurency'\n\(Did you mean --concurrency/,
  ],
  [
    "a number that is none",
    ["worker"],
    { PROCRASTINATE_WORKER_CONCURRENCY: "ten" },
    /CONCURRENCY.*"ten" is not a number/,
  ],
  ["a number out of bounds", ["worker", "-c", "0"], {}, /concurrency: 0 is not a whole number from 1/],
  [
    "a flag that is none",
    ["worker"],
    { PROCRASTINATE_WORKER_WAIT: "maybe" },
    /WORKER_WAIT: "maybe" is not one of true/,
  ],
  ["an unknown task", ["defer", "gret"], {}, /No task is named "gret". The app has greet, slow, shout, stubborn/],
  [
    "arguments that are not JSON",
    ["defer", "greet", "{name:1}"],
    {},
    /: Task "greet": args is not JSON at position 1\. In a shell it needs quotes around it: '\{"userId":"1"\}'\.\n$/,
  ],
  ["a time without offset", ["defer", "greet", "{}", "--at", "2026-01-01T00:00"], {}, /: --at: .*with its offset/],
])("exits with 2 on %s, and says how to mend it", async (_what, args, env, message) => {
  const { code, output } = await cli(args, env);
  expect({ code, output }).toEqual({ code: 2, output: expect.stringMatching(message) });
  expect(await statuses()).toEqual([]);
});
