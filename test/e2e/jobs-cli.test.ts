import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type AppFolder, createAppFolder } from "../support/app-folder.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { runSql } from "../support/run-sql.ts";

const APP = `
import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { createApp } from "procrastinate";
import { drizzleConnector } from "procrastinate/drizzle";
const pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"] });
export const app = createApp({ connector: drizzleConnector(drizzle(pool)), tasks: [] });
`;

let folder: AppFolder;
let database: TestDatabase;
beforeAll(async () => {
  folder = createAppFolder({});
  folder.write("app.ts", APP);
  database = await createTestDatabase();
});
afterAll(async () => {
  folder.remove();
  await database.drop();
});
beforeEach(async () => {
  await runSql(
    database.url,
    `truncate procrastinate_jobs, procrastinate_events restart identity;
    insert into procrastinate_jobs (task_name, queue_name, args, priority) values ('send', 'mail', '{"to": "ada"}', 2);
    insert into procrastinate_jobs (task_name, queue_name, status, ready, attempts, finished_at)
      select 'send', 'mail', 'failed', false, 1, '2030-01-01T00:00:00Z' from generate_series(1, 3);
    insert into procrastinate_events (job_id, type, at, detail) values (2, 'failed', '2030-01-01T00:00:00Z', '{"stack": "Error: no route at x", "message": "no route", "cause": {"message": "no cable", "stack": "Error"}}');
    insert into procrastinate_workers (id, name, queues) values (7, 'w', '{mail}') on conflict do nothing;`,
  );
});

const DATE = expect.stringMatching(/^\d{4}-.*Z$/);

async function cli(...args: string[]): Promise<{ code: number | null; output: string }> {
  const env = { DATABASE_URL: database.url, PROCRASTINATE_APP: "app.ts" };
  return folder.run("procrastinate/dist/src/cli/main.js", args, env);
}

const statuses = async (): Promise<string[]> =>
  (await runSql<{ status: string }>(database.url, "select status::text from procrastinate_jobs order by id")).map(
    ({ status }) => status,
  );

test("lists jobs by filter and in pages, as a table and as JSON, and shows one with its history", async () => {
  const [table, json, shown, workers, workersJson] = await Promise.all([
    cli("jobs", "list", "--status", "failed", "--limit", "2", "--order", "desc"),
    cli("jobs", "list", "--args", '{"to":"ada"}', "--json"),
    cli("jobs", "show", "2"),
    cli("workers", "list"),
    cli("workers", "list", "--json"),
  ]);
  expect(table.output).toMatch(
    /^id +status +task .*\n4 +failed +send +mail .*2030-01-01T00:00:00.000Z\n3 .*\nThere are more: --cursor \S+\n$/,
  );
  expect(JSON.parse(json.output)).toMatchObject({ id: "1", status: "todo", args: { to: "ada" }, priority: 2 });
  expect(shown.output).toMatch(/^field +value\nid +2\nstatus +failed\n/);
  expect(shown.output).toMatch(
    /\nat +event +detail\n.* deferred .*\n2030\S+ +failed +\{"cause":\{"message":"no cable"\},"message":"no route"\}\n/,
  );
  expect(workers.output).toMatch(/^id +name +queues +jobs .*\n7 +w +mail +0 +false /);
  const worker = { id: "7", name: "w", queues: ["mail"], runningJobs: 0, idle: false };
  expect(JSON.parse(workersJson.output)).toEqual({ ...worker, startedAt: DATE, lastHeartbeat: DATE });
});

test("ends without a word when its reader has had enough", async () => {
  const many =
    "insert into procrastinate_jobs (task_name, args) select 'send', jsonb_build_object('text', repeat('x', 1000)) from generate_series(1, 900)";
  await runSql(database.url, many);
  const main = join(folder.path, "node_modules/procrastinate/dist/src/cli/main.js");
  const child = spawn(process.execPath, [main, "jobs", "list", "--json", "--limit", "1000"], {
    cwd: folder.path,
    env: { ...process.env, DATABASE_URL: database.url, PROCRASTINATE_APP: "app.ts" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (data) => (errors += data));
  child.stdout.once("data", () => child.stdout.destroy());
  const [code] = await once(child, "close");
  expect({ code, errors }).toEqual({ code: 0, errors: "" });
});

test("cancels and retries by ids and by filter, and says what became of each", async () => {
  expect(await cli("jobs", "cancel", "1", "2")).toEqual({
    code: 1,
    output: "id  outcome\n1   cancelled\nprocrastinate: Job 2 is failed: it has finished already.\n",
  });
  expect((await cli("jobs", "retry", "--status", "failed", "--in", "60", "--json")).output).toBe(
    '{"retried":3,"alreadyEnqueued":0}\n',
  );
  expect(await statuses()).toEqual(["cancelled", "todo", "todo", "todo"]);
});

test("deletes by ids, and by a filter only when that is confirmed", async () => {
  expect((await cli("jobs", "delete", "4")).output).toBe("id  outcome\n4   deleted\n");
  const refused = await cli("jobs", "delete", "--queue", "mail");
  expect(refused).toMatchObject({
    code: 2,
    output: expect.stringMatching(/3 jobs would be deleted\. To do so, add --yes/),
  });
  expect(await statuses()).toHaveLength(3);
  expect((await cli("jobs", "delete", "--queue", "mail", "--yes")).output).toBe("deleted\n3\n");
  expect(await statuses()).toEqual([]);
});
