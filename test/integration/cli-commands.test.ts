import { readFileSync } from "node:fs";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createApp, defineTask } from "../../src/index.ts";
import { pgConnector } from "../support/pg-connector.ts";
import { type CliRun, runCli } from "../support/run-cli.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue({ max: 2 });
});
afterAll(() => queue.close());
beforeEach(async () => {
  await queue.pool.query("truncate procrastinate_jobs, procrastinate_events restart identity");
});

const send = defineTask({ name: "send", run: (_args: object) => undefined });

function cli(args: readonly string[], surroundings: { env?: Record<string, string>; input?: string } = {}) {
  return runCli(args, { app: queue.app([send]), ...surroundings });
}

/** The first row, as far as a test looks at it. */
async function rowOf(columns: string): Promise<Record<string, unknown> | undefined> {
  return (await queue.pool.query(`select ${columns} from procrastinate_jobs order by id`)).rows[0];
}

/** Makes jobs of these states, with the ids 1, 2, … */
async function seed(...statuses: string[]): Promise<void> {
  await queue.pool.query(
    `insert into procrastinate_jobs (task_name, status, ready, attempts, finished_at, worker_id)
     select 'send', s::procrastinate_job_status, s = 'todo', 0, case when s not in ('todo', 'doing') then now() end, case when s = 'doing' then 1 end
     from unnest($1::text[]) with ordinality as u (s, n) order by n`,
    [statuses],
  );
}

const AT = "2099-03-04T05:06:07+01:00";
const IS_AT = { is: true };
const isAt = (time: string) => `scheduled_at = '${time}' as is`;

test.each<[what: string, args: string[], env: Record<string, string>, look: string, row: object]>([
  ["--at", ["--at", AT], {}, isAt(AT), IS_AT],
  ["a variable for --at", [], { PROCRASTINATE_DEFER_AT: AT }, isAt(AT), IS_AT],
  [
    "--in",
    ["--in", "3600"],
    {},
    "scheduled_at between now() + interval '3590 s' and now() + interval '3600 s' as is",
    { is: true },
  ],
  [
    "--in, whatever the environment says",
    ["--in", "3600"],
    { PROCRASTINATE_DEFER_AT: AT },
    "scheduled_at between now() + interval '3590 s' and now() + interval '3600 s' as is",
    { is: true },
  ],
  [
    "a priority typed over that of the environment",
    ["--priority", "3"],
    { PROCRASTINATE_DEFER_PRIORITY: "2", PROCRASTINATE_DEFER_QUEUE: "mail" },
    "priority, queue_name as queue",
    { priority: 3, queue: "mail" },
  ],
])("defer takes %s", async (_what, args, env, look, row) => {
  expect(await cli(["defer", "send", ...args], { env })).toMatchObject({ printed: ["1"], error: undefined });
  expect(await rowOf(look)).toEqual(row);
});

test("defer reads arguments from stdin", async () => {
  await cli(["defer", "send", "-"], { input: '{"to":"ada"}\n' });
  expect(await rowOf("args")).toEqual({ args: { to: "ada" } });
  const refused = await cli(["defer", "send", "-"], { input: '{"to":9007199254740993}' });
  expect(refused.error).toMatchObject({ code: "invalid_args" });
});

test("defer refuses two times that were given in the same way", async () => {
  const { error } = await cli(["defer", "send", "--at", AT, "--in", "5"]);
  expect(error).toMatchObject({ message: `--at: "${AT}" cannot be used with --in. Give one of them.` });
  const env = { PROCRASTINATE_DEFER_AT: AT, PROCRASTINATE_DEFER_IN: "5" };
  expect((await cli(["defer", "send"], { env })).error).toMatchObject({
    message: `PROCRASTINATE_DEFER_AT: "${AT}" cannot be used with PROCRASTINATE_DEFER_IN. Give one of them.`,
  });
});

test("a task of the package is deferred with arguments", async () => {
  await cli(["defer", "builtin:procrastinate.remove_old_jobs", '{"maxHours":72}']);
  expect(await rowOf("task_name as task, args")).toEqual({
    task: "builtin:procrastinate.remove_old_jobs",
    args: { maxHours: 72 },
  });
});

const outcome = ({ printed, error }: CliRun): unknown => error ?? printed.at(-1);

test.each<[args: string[], before: string, last: string, look: string, row: object | undefined]>([
  [["cancel", "1"], "todo", "1   cancelled", "status::text", { status: "cancelled" }],
  [["cancel", "1", "--delete"], "todo", "1   deleted", "status::text", undefined],
  [["cancel", "1", "--abort"], "doing", "1   abort_requested", "abort_requested as abort", { abort: true }],
  [["retry", "1", "--at", AT], "failed", "1   retried", isAt(AT), IS_AT],
  [
    ["retry", "1", "--priority", "7"],
    "failed",
    "1   retried",
    "priority, status::text",
    { priority: 7, status: "todo" },
  ],
  [["retry", "--all", "--yes"], "failed", "1        0", "status::text", { status: "todo" }],
])("jobs %j", async (args, before, last, look, row) => {
  await queue.pool.query("insert into procrastinate_workers (id, name) values (1, 'w') on conflict do nothing");
  await seed(before);
  expect(outcome(await cli(["jobs", ...args]))).toBe(last);
  expect(await rowOf(look)).toEqual(row);
});

test("jobs list goes on behind a cursor, in the order of the environment", async () => {
  await seed("failed", "failed", "failed");
  const env = { PROCRASTINATE_JOBS_LIST_ORDER: "desc", PROCRASTINATE_JOBS_LIST_ORDER_BY: "id" };
  const first = await cli(["jobs", "list", "--limit", "2", "--json"], { env });
  const cursor = /--cursor (\S+)$/.exec(first.errors[0] ?? "")?.[1] ?? "";
  const second = await cli(["jobs", "list", "--limit", "2", "--json", "--cursor", cursor], { env });
  const ids = [first, second].map(({ printed }) => printed.map((line) => JSON.parse(line).id));
  expect([ids, second.errors]).toEqual([[["3", "2"], ["1"]], []]);
});

test("jobs show prints a job and its history as one JSON object", async () => {
  await seed("failed");
  const { printed } = await cli(["jobs", "show", "1", "--json"]);
  const history = [{ type: "deferred" }, { type: "failed" }];
  expect(printed.map((line) => JSON.parse(line))).toMatchObject([{ id: "1", status: "failed", history }]);
});

test.each([["healthcheck"], ["healthchecks"]])("%s says what the role may do", async (name) => {
  expect(await cli([name])).toMatchObject({
    printed: ["App: OK (1 task)", "Database connection: OK", "Tables: OK", "Rights: may defer: yes, may work: yes"],
    error: undefined,
  });
});

test("healthcheck fails where nothing can be written, and for a role without rights", async () => {
  const nobody = `procrastinate_nobody_${process.pid}`;
  await queue.pool.query(`create role ${nobody}`);
  try {
    const readOnly = await healthWith("default_transaction_read_only=on");
    expect(readOnly.printed.at(-1)).toBe("Rights: may defer: yes, may work: yes");
    expect(readOnly.error).toMatchObject({ code: "connector", message: expect.stringMatching(/takes no writes/) });
    const without = await healthWith(`role=${nobody}`);
    expect(without.printed.at(-1)).toBe("Rights: may defer: no, may work: no");
    expect(without.error).toMatchObject({
      code: "connector",
      message: expect.stringMatching(/neither defer jobs nor work/),
    });
  } finally {
    await queue.pool.query(`drop role ${nobody}`);
  }
});

test("healthcheck asks for the sequence where ids are serials", async () => {
  const role = `procrastinate_serial_${process.pid}`;
  await queue.pool.query(`create role ${role}; grant all on all tables in schema public to ${role}`);
  try {
    const rights = async () => (await healthWith(`role=${role}`)).printed.at(-1);
    expect(await rights()).toBe("Rights: may defer: yes, may work: yes");
    await queue.pool.query(`alter table procrastinate_jobs alter id drop identity;
      create sequence serial owned by procrastinate_jobs.id;
      alter table procrastinate_jobs alter id set default nextval('serial')`);
    expect(await rights()).toBe("Rights: may defer: no, may work: yes");
    await queue.pool.query(`grant usage on sequence serial to ${role}`);
    expect(await rights()).toBe("Rights: may defer: yes, may work: yes");
  } finally {
    await queue.pool.query(`drop owned by ${role}; drop role ${role}`);
  }
});

async function healthWith(setting: string): Promise<CliRun> {
  const pool = new pg.Pool({ connectionString: queue.url, max: 1, options: `-c ${setting}` });
  try {
    return await runCli(["healthcheck"], { app: createApp({ connector: pgConnector(pool), tasks: [] }) });
  } finally {
    await pool.end();
  }
}

test("the version is that of the package", async () => {
  const { printed, error } = await cli(["-V"]);
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  expect([printed, error]).toEqual([[`${version}\n`], expect.objectContaining({ exitCode: 0 })]);
});
