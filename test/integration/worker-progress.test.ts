import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { defineTask, type JobContext, type LogFields, silentLogger } from "../../src/index.ts";
import { runDueJobs } from "../../src/testing/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { FAST, gate, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(async () => {
  await queue.clear();
  await queue.pool.query("delete from procrastinate_events");
});
afterAll(() => queue.close());

const BLOCKED =
  "select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";

async function progress(): Promise<unknown> {
  const { rows } = await queue.pool.query("select progress from procrastinate_jobs order by id");
  return rows[0]?.progress;
}

async function events(): Promise<{ type: string; detail: Record<string, unknown>; at: Date }[]> {
  const { rows } = await queue.pool.query("select type::text, detail, at from procrastinate_events order by id");
  return rows;
}

async function runOne(run: (context: JobContext) => unknown, options: Parameters<typeof runDueJobs>[1] = {}) {
  const task = defineTask({ name: "t", run: (_args, context) => run(context) });
  const app = queue.app([task]);
  await app.defer(task);
  return runDueJobs(app, { ...FAST, ...options });
}

test("progress is in the table while the job runs, and stays", async () => {
  const held = gate();
  const task = defineTask({
    name: "t",
    run: async (_args, context) => {
      context.progress({ done: 1, of: 3 });
      await held.opened;
      context.progress(100);
    },
  });
  const app = queue.app([task]);
  await app.defer(task);
  await using _worker = startWorker(app);
  await until(async () => expect(await progress()).toEqual({ done: 1, of: 3 }) ?? true);
  held.open();
  await until(async () => (await queue.jobs())[0]?.status === "succeeded");
  expect(await progress()).toBe(100);
});

test("of much progress at once the last one is written, before the job ends, also of a handler that is not async", async () => {
  await runOne((context) => {
    for (let percent = 0; percent <= 100; percent++) context.progress(percent);
  });
  expect(await progress()).toBe(100);
  expect(queue.sent.filter((name) => name === "note_job")).toHaveLength(1);
  expect((await queue.jobs())[0]?.status).toBe("succeeded");
});

test("while one is written the others wait, and the last one wins", async () => {
  await runOne(async (context) => {
    for (let n = 0; n < 500; n++) {
      context.progress(n);
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  expect(await progress()).toBe(499);
  expect(queue.sent.filter((name) => name === "note_job").length).toBeLessThan(500);
});

test("what is no JSON or too large is refused, and a run that fails keeps its progress for the next", async () => {
  const { failed } = await runOne((context) => {
    context.progress("almost");
    context.progress({ at: new Date(0) } as never);
  });
  expect(failed[0]?.error).toMatchObject({ code: "invalid_args", path: "progress.at" });
  expect(await progress()).toBe("almost");
  const large = await runOne((context) => context.progress("x".repeat(65_536)));
  expect(large.failed[0]?.error).toMatchObject({ code: "invalid_args", path: "progress" });
});

test("a handler whose job was taken hears of it when it says how far it is, and overwrites nothing", async () => {
  let reason: unknown;
  const { succeeded } = await runOne(async (context) => {
    await queue.pool.query("update procrastinate_jobs set lease = lease + 1, progress = '\"theirs\"'");
    context.progress("ours");
    context.log("info", "ours");
    await until(() => context.signal.aborted);
    reason = context.signal.reason;
  });
  expect(reason).toMatchObject({ reason: "lease_lost" });
  expect(succeeded).toEqual([]);
  expect([await progress(), await events()]).toEqual(["theirs", []]);
});

test("a handler that completes its job in its own transaction may say how far it is before, inside and after", async () => {
  await runOne(async (context) => {
    context.progress(50);
    await queue.transaction(async (tx) => {
      await context.complete(tx);
      context.progress(60);
      context.log("info", "inside");
      await new Promise((resolve) => setImmediate(resolve));
    });
    context.log("info", "after");
  });
  expect(await progress()).toBe(60);
  expect((await events()).map(({ detail }) => detail["message"])).toEqual(["inside", "after"]);
  expect((await queue.jobs())[0]?.status).toBe("succeeded");
});

test("log lines go to the logger, and stay with the job in their order, with level, fields, attempt and time", async () => {
  const logged: [LogFields, string][] = [];
  const logger = { ...silentLogger, warn: (fields: LogFields, message: string) => logged.push([fields, message]) };
  const task = defineTask({
    name: "t",
    retry: 1,
    run: async (_args, context) => {
      context.log("warn", `first ${context.attempt}`, { rows: 3, at: new Date(0), error: new TypeError("inner") });
      await new Promise((resolve) => setTimeout(resolve, 5));
      context.log("debug", "second\u0000");
      if (context.attempt === 1) throw new Error("again");
    },
  });
  const app = queue.app([task], { logger });
  const id = await app.defer(task);
  await runDueJobs(app, FAST);
  const [first, second, retried, third] = await events();
  const at = "1970-01-01T00:00:00.000Z";
  expect(first).toMatchObject({
    type: "logged",
    detail: {
      level: "warn",
      message: "first 1",
      fields: { rows: 3, at, error: { name: "TypeError", message: "inner" } },
      attempt: 1,
    },
  });
  expect(second?.detail).toEqual({
    level: "debug",
    message: "second\uFFFD",
    attempt: 1,
    worker: first?.detail["worker"],
  });
  expect(Number(second?.at)).toBeGreaterThanOrEqual(Number(first?.at));
  expect(retried?.type).toBe("deferred_for_retry");
  expect(third?.detail).toMatchObject({ message: "first 2", attempt: 2 });
  const job = { id: String(id), task: "t", attempt: 1 };
  expect(logged).toContainEqual([{ job, rows: 3, at: new Date(0), error: new TypeError("inner") }, "first 1"]);
});

test("lines are bounded in number and size, and none of it fails the job", async () => {
  const { succeeded } = await runOne((context) => {
    context.log("info", "m".repeat(10_000));
    context.log("info", "large", { text: "x".repeat(10_000) });
    context.log("info", "no JSON", { big: 1n });
    for (let n = 0; n < 2000; n++) context.log("info", `line ${n}`);
  });
  expect(succeeded).toHaveLength(1);
  const details = (await events()).map(({ detail }) => detail);
  expect(details).toHaveLength(1000);
  expect(details[0]?.["message"]).toBe(`${"m".repeat(4000)}…`);
  expect(details[1]).toMatchObject({ message: "large", fieldsProblem: expect.stringContaining("8192 at most") });
  expect(details[2]).toMatchObject({ message: "no JSON", fieldsProblem: expect.stringContaining("is no JSON") });
  expect(details.at(-1)).toMatchObject({ message: "The log of this run ends here: 1000 lines are kept" });
});

test("a level that does not exist is refused", async () => {
  const { failed } = await runOne((context) => context.log("fatal" as never, "no"));
  expect(failed[0]?.error).toMatchObject({ code: "invalid_option", option: "level" });
});

test.each(["returns", "completes"])("with deleteJobs the lines of a handler that %s go with the job", async (end) => {
  await runOne(
    async (context) => {
      context.log("info", "gone");
      if (end === "completes") await queue.transaction((tx) => context.complete(tx));
      context.log("info", "gone too");
    },
    { deleteJobs: "successful" },
  );
  expect([await queue.jobs(), await events()]).toEqual([[], []]);
});

test("on a single connection a handler may say how far it is, and complete its job in a transaction", async () => {
  const single = await openTestQueue({ max: 1 });
  try {
    const task = defineTask({
      name: "t",
      run: (_args, context) =>
        single.transaction(async (tx) => {
          context.progress(1);
          context.log("info", "before");
          await context.complete(tx);
          context.progress(2);
        }),
    });
    const app = single.app([task]);
    await app.defer(task);
    await runDueJobs(app, FAST);
    const { rows } = await single.pool.query(
      "select j.progress, j.status::text, e.detail->>'message' as message from procrastinate_jobs j join procrastinate_events e on e.job_id = j.id",
    );
    expect(rows).toEqual([{ progress: 2, status: "succeeded", message: "before" }]);
  } finally {
    await single.close();
  }
});

test("what was under way when the handler's transaction locked the row is written after it, however long it takes", async () => {
  const { succeeded } = await runOne((context) =>
    queue.transaction(async (tx) => {
      await tx.query("select 1 from procrastinate_jobs for update");
      context.progress("held");
      context.log("info", "held");
      await queue.untilBlocked();
      await context.complete(tx);
      // It waits for a second, and gives up.
      await until(async () => (await queue.pool.query(BLOCKED)).rows[0].n === 0);
    }),
  );
  expect(succeeded).toHaveLength(1);
  expect(await progress()).toBe("held");
  expect((await events()).map(({ detail }) => detail["message"])).toEqual(["held"]);
});

test("what Postgres refuses of a note is told, and the run goes on", async () => {
  await queue.pool.query(`create function refuse_note() returns trigger language plpgsql as
    'begin raise check_violation using message = ''no notes here''; end';
    create trigger refuse_note before insert on procrastinate_events for each row when (new.type = 'logged')
    execute function refuse_note()`);
  const warnings: LogFields[] = [];
  const logger = { ...silentLogger, warn: (fields: LogFields) => warnings.push(fields) };
  const task = defineTask({ name: "t", run: (_args, context) => context.log("info", "unheard") });
  const app = queue.app([task], { logger });
  const id = await app.defer(task);
  try {
    await runDueJobs(app, FAST);
  } finally {
    await queue.pool.query("drop function refuse_note cascade");
  }
  expect(await queue.jobs()).toMatchObject([{ status: "succeeded" }]);
  const [lost, ...others] = warnings.filter(({ action }) => action === "note_lost");
  expect(others).toEqual([]);
  expect(lost).toMatchObject({ job: String(id), error: { message: expect.stringContaining("no notes here") } });
});
