import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { type AnyTask, defineTask, JobAbortedError, retryStrategy } from "../../src/index.ts";
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

const events = async (): Promise<{ type: string; detail: Record<string, unknown> }[]> =>
  (await queue.pool.query("select type::text, detail from procrastinate_events order by id")).rows;

async function runOne(task: AnyTask, args: object = {}) {
  const app = queue.app([task]);
  await app.defer(app.getTask(task.name), args);
  const run = await runDueJobs(app, FAST);
  const [job] = await queue.jobs();
  return { run, job, events: await events() };
}

test("a handler that returns, at once or later, has succeeded and leaves no event", async () => {
  for (const run of [() => 1, async () => undefined]) {
    await queue.clear();
    const { job, events } = await runOne(defineTask({ name: "t", run }));
    expect(job).toMatchObject({ status: "succeeded", attempts: 1, ready: false, wakeAt: null });
    expect(events).toEqual([]);
  }
});

test("a handler that throws has failed, and the event says how", async () => {
  const error = new RangeError("too\u0000 much \ud800", { cause: new Error("inner") });
  const task = defineTask({ name: "t", run: () => Promise.reject(error) });
  const { job, events } = await runOne(task);
  expect(job).toMatchObject({ status: "failed", attempts: 1 });
  expect(events).toEqual([
    {
      type: "failed",
      detail: expect.objectContaining({
        name: "RangeError",
        message: "too\uFFFD much \uFFFD",
        stack: expect.stringContaining("worker-outcomes.test.ts"),
        attempt: 1,
        worker: expect.stringMatching(/^\d+$/),
        cause: expect.objectContaining({ message: "inner" }),
      }),
    },
  ]);
});

test.each([
  ["null", null],
  ["undefined", undefined],
  ["a string", "text"],
  ["10 MB", new Error("x".repeat(10_000_000))],
])("a handler that throws %s has failed, too", async (_what, thrown) => {
  const { job, events } = await runOne(defineTask({ name: "t", run: () => Promise.reject(thrown) }));
  expect(job?.status).toBe("failed");
  expect(events).toHaveLength(1);
});

test("a job of a task that the app does not have, or has as a contract, fails", async () => {
  const other = queue.app([defineTask({ name: "unknown" }), defineTask({ name: "contract" })]);
  await other.defer(other.getTask("unknown"));
  await other.defer(other.getTask("contract"));
  const app = queue.app([defineTask({ name: "contract" }), defineTask({ name: "known", run: () => 1 })]);
  const { failed } = await runDueJobs(app, FAST);
  expect(failed.map(({ error }) => (error as Error).name)).toEqual(["TaskNotFoundError", "TaskNotRunnableError"]);
});

test("arguments that the schema refuses when the job runs fail the job; the handler gets the schema's output", async () => {
  const contract = defineTask({ name: "t" });
  const seen: unknown[] = [];
  const task = defineTask({ name: "t", schema: z.object({ at: z.coerce.date() }), run: ({ at }) => seen.push(at) });
  const writer = queue.app([contract]);
  await writer.defer(writer.getTask("t"), { at: "nonsense" });
  await writer.defer(writer.getTask("t"), { at: "2026-01-02T03:04:05Z" });
  const { failed, succeeded } = await runDueJobs(queue.app([task]), FAST);
  expect(failed).toMatchObject([{ error: { name: "InvalidArgsError", path: "args.at" } }]);
  expect(succeeded).toHaveLength(1);
  expect(seen).toEqual([new Date("2026-01-02T03:04:05Z")]);
});

test("a failed run is tried again as often as the strategy says, at once or later", async () => {
  const task = defineTask({ name: "t", retry: 2, run: () => Promise.reject(new Error("again")) });
  const { job, run, events } = await runOne(task);
  expect(job).toMatchObject({ status: "failed", attempts: 3 });
  expect(run.retried).toHaveLength(2);
  expect(events.map(({ type }) => type)).toEqual(["deferred_for_retry", "deferred_for_retry", "failed"]);
  await queue.clear();
  const later = defineTask({
    name: "t",
    retry: retryStrategy({ wait: { hours: 1 } }),
    run: () => Promise.reject(new Error()),
  });
  const waiting = (await runOne(later)).job;
  expect(waiting).toMatchObject({ status: "todo", attempts: 1, ready: false });
  expect(waiting?.scheduledAt?.getTime()).toBeGreaterThan(Date.now() + 3_500_000);
});

test("a retry may change priority, queue and lock, and clear the lock", async () => {
  for (const lock of ["new", null]) {
    await queue.clear();
    const retry = { decide: () => ({ retryIn: { hours: 1 }, priority: 7, queue: "slow", lock }) };
    const { job } = await runOne(defineTask({ name: "t", lock: "old", retry, run: () => Promise.reject(new Error()) }));
    expect(job).toMatchObject({ status: "todo", priority: 7, queue: "slow", lock });
  }
});

test("a strategy that throws, or decides what cannot be, fails the job with both errors", async () => {
  const broken = [
    {
      decide: () => {
        throw new Error("strategy");
      },
    },
    { decide: () => ({ priority: 1e12 }) },
  ];
  for (const retry of broken) {
    await queue.clear();
    const { job, run } = await runOne(defineTask({ name: "t", retry, run: () => Promise.reject(new Error("run")) }));
    expect(job?.status).toBe("failed");
    expect(run.failed[0]?.error).toMatchObject({ errors: [{ message: "run" }, expect.any(Error)] });
  }
});

test("a retry whose queueing lock was taken meanwhile waits beside its sibling, and both run", async () => {
  let runs = 0;
  const task = defineTask({
    name: "t",
    queueingLock: "once",
    retry: 1,
    run: async (_args, context) => {
      runs++;
      if (runs > 1) return;
      await context.defer(task as never, undefined as never);
      throw new Error("again");
    },
  });
  await runOne(task);
  expect((await queue.jobs()).map(({ status }) => status)).toEqual(["succeeded", "succeeded"]);
  expect(runs).toBe(3);
});

test("a timeout aborts the signal and fails the run; a handler that returns nevertheless has succeeded", async () => {
  const reasons: unknown[] = [];
  const obedient = defineTask({
    name: "t",
    timeout: { milliseconds: 30 },
    run: (_args, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          reasons.push(signal.reason.reason);
          reject(signal.reason);
        });
      }),
  });
  const { run } = await runOne(obedient);
  expect(reasons).toEqual(["timeout"]);
  expect(run.failed[0]?.error).toMatchObject({ name: "JobTimeoutError", timeoutMs: 30 });
  await queue.clear();
  const late = defineTask({
    name: "t",
    timeout: { milliseconds: 10 },
    run: (_args, { signal }) => new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve())),
  });
  expect((await runOne(late)).job?.status).toBe("succeeded");
});

test("a handler that ignores its timeout is given up, and its slot is free", async () => {
  const never = gate();
  const stuck = defineTask({ name: "stuck", timeout: { milliseconds: 10 }, run: () => never.opened });
  const app = queue.app([stuck, defineTask({ name: "next", run: () => 1 })]);
  await app.defer(app.getTask("stuck"));
  await app.defer(app.getTask("next"));
  const run = await runDueJobs(app, { ...FAST, abandonAfter: { milliseconds: 30 } }).catch((error: Error) => error);
  expect(run).toMatchObject({ name: "ShutdownTimeoutError" });
  expect((await queue.jobs()).map(({ status }) => status)).toEqual(["failed", "succeeded"]);
  never.open();
});

test("an abort that was requested reaches the handler, by a notification or by polling", async () => {
  for (const notify of [true, false]) {
    await queue.clear();
    const begun = gate();
    const task = defineTask({
      name: "t",
      retry: true,
      run: (_args, { signal }) =>
        new Promise((_resolve, reject) => {
          begun.open();
          signal.addEventListener("abort", () => reject(signal.reason));
        }),
    });
    const app = queue.app([task]);
    const id = await app.defer(task);
    await using _worker = startWorker(app, notify ? { abortPollingInterval: { seconds: 60 } } : {});
    await begun.opened;
    await queue.pool.query("update procrastinate_jobs set abort_requested = true");
    const channel = "procrastinate_jobs";
    if (notify) {
      await until(async () => {
        await queue.pool.query("select pg_notify($1, $2)", [channel, JSON.stringify({ abort: String(id) })]);
        return (await queue.jobs())[0]?.status === "aborted";
      });
    } else await until(async () => (await queue.jobs())[0]?.status === "aborted");
    expect((await queue.jobs())[0]).toMatchObject({ status: "aborted", attempts: 1 });
  }
});

test("a handler can abort itself, and is then not tried again", async () => {
  const task = defineTask({ name: "t", retry: true, run: () => Promise.reject(new JobAbortedError()) });
  const { job, events } = await runOne(task);
  expect(job?.status).toBe("aborted");
  expect(events.map(({ type }) => type)).toEqual(["aborted"]);
});

test.each([
  ["never", ["succeeded", "failed"]],
  ["successful", ["failed"]],
  ["always", []],
] as const)("deleteJobs: %s leaves %j, and no events of what is gone", async (deleteJobs, left) => {
  let tries = 0;
  const good = defineTask({ name: "good", retry: 1, run: () => (tries++ === 0 ? Promise.reject(new Error()) : 1) });
  const bad = defineTask({ name: "bad", run: () => Promise.reject(new Error()) });
  const app = queue.app([good, bad]);
  await app.defer(good);
  await app.defer(bad);
  await runDueJobs(app, { ...FAST, deleteJobs });
  const jobs = await queue.jobs();
  expect(jobs.map(({ status }) => status)).toEqual(left);
  const orphans = await queue.pool.query(
    "select 1 from procrastinate_events where job_id not in (select id from procrastinate_jobs)",
  );
  expect(orphans.rowCount).toBe(0);
});

test("finished jobs that another table refers to are kept where finished jobs are deleted", async () => {
  const task = defineTask({ name: "t", run: () => 1 });
  const app = queue.app([task]);
  await queue.pool.query("create table orders (job_id bigint references procrastinate_jobs (id))");
  const ids = await app.batchDefer(
    task,
    Array.from({ length: 40 }, () => ({})),
  );
  await queue.pool.query("insert into orders values ($1)", [String(ids[17])]);
  await runDueJobs(app, { ...FAST, deleteJobs: "always", concurrency: 20 });
  expect((await queue.jobs()).map(({ id, status }) => ({ id, status }))).toEqual([
    { id: ids[17], status: "succeeded" },
  ]);
  await queue.pool.query("drop table orders");
});
