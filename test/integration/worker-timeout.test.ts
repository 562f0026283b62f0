import type { StandardSchemaV1 } from "@standard-schema/spec";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { defineTask, JobAbortedError, JobTimeoutError } from "../../src/index.ts";
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

const TIMEOUT = { timeout: { milliseconds: 30 } };
const BRIEF = { ...FAST, abandonAfter: { milliseconds: 40 } };

/** Rejects with the signal's reason as soon as it is aborted. */
const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

test("a run that exceeds its timeout is aborted with that reason and tried again as the strategy says", async () => {
  const reasons: unknown[] = [];
  const errors: unknown[] = [];
  const task = defineTask({
    ...{ name: "t", ...TIMEOUT },
    retry: {
      decide: ({ error, job }) => {
        errors.push(error);
        return job.attempts < 1 ? {} : undefined;
      },
    },
    run: (_args, { signal }) =>
      untilAborted(signal).catch((error: unknown) => {
        reasons.push(error);
        throw new Error("thrown because of it");
      }),
  });
  const app = queue.app([task]);
  await app.defer(task);
  await runDueJobs(app, FAST);
  expect(reasons).toEqual([expect.any(JobAbortedError), expect.any(JobAbortedError)]);
  expect(reasons).toMatchObject([{ reason: "timeout" }, { reason: "timeout" }]);
  for (const error of errors) {
    expect(error).toBeInstanceOf(JobTimeoutError);
    expect(error).toMatchObject({ timeoutMs: 30, cause: { message: "thrown because of it" } });
  }
  expect((await queue.jobs())[0]).toMatchObject({ status: "failed", attempts: 2 });
  const { rows } = await queue.pool.query(
    "select type::text, detail->>'name' as name from procrastinate_events order by id",
  );
  expect(rows).toEqual([
    { type: "deferred_for_retry", name: "JobTimeoutError" },
    { type: "failed", name: "JobTimeoutError" },
  ]);
});

test("the signal that is asked for only after the timeout is aborted already", async () => {
  let aborted: boolean | undefined;
  const task = defineTask({
    ...{ name: "t", ...TIMEOUT },
    run: async (_args, context) => {
      await new Promise((resolve) => setTimeout(resolve, 60));
      aborted = context.signal.aborted;
      context.signal.throwIfAborted();
    },
  });
  const app = queue.app([task]);
  await app.defer(task);
  const { failed } = await runDueJobs(app, FAST);
  expect(aborted).toBe(true);
  expect(failed).toHaveLength(1);
});

test("handlers that end in time are not aborted later, and keep no process waiting", async () => {
  const signals: AbortSignal[] = [];
  const task = defineTask({ name: "t", timeout: { hours: 1 }, run: (_args, { signal }) => void signals.push(signal) });
  const late = defineTask({
    ...{ name: "late", ...TIMEOUT },
    run: async (_args, { signal }) => void signals.push(signal),
  });
  const pause = defineTask({ name: "pause", run: () => new Promise((resolve) => setTimeout(resolve, 60)) });
  const app = queue.app([task, late, pause]);
  for (const each of [task, late, pause]) await app.defer(each);
  await runDueJobs(app, FAST);
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
});

test.each([
  ["fails", false, "failed", 1],
  ["is tried again", 1, "succeeded", 2],
] as const)(
  "a job whose handler ignores its timeout is given up and %s; its slot is free",
  async (_then, retry, status, attempts) => {
    const never = gate();
    const given: bigint[] = [];
    const task = defineTask({
      ...{ name: "t", retry, ...TIMEOUT },
      run: (_a, { attempt }) => (attempt === 1 ? never.opened : 1),
    });
    const next = defineTask({ name: "next", run: () => 1 });
    const app = queue.app([task, next]);
    const id = await app.defer(task);
    await app.defer(next);
    const { worker, done } = startWorker(app, BRIEF);
    worker.on("job_abandoned", ({ job }) => given.push(job.id));
    await until(async () => (await queue.jobs()).every((job) => job.status !== "todo" && job.status !== "doing"));
    expect(given).toEqual([id]);
    expect(await queue.jobs()).toMatchObject([{ status, attempts }, { status: "succeeded" }]);
    // Its code still runs here, and whoever stops the worker must know.
    await expect(worker.stop()).rejects.toMatchObject({ name: "ShutdownTimeoutError", jobIds: [id] });
    await expect(done).rejects.toThrow("without the handlers of a job");
    never.open();
  },
);

/** A schema that takes its time. */
const slowSchema = (wait: () => Promise<unknown>): StandardSchemaV1<object, object> => ({
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) => wait().then(() => ({ value: value as object })),
  },
});

test("a schema that never answers is ended by the timeout, and does not keep the worker from stopping", async () => {
  let runs = 0;
  const schema = slowSchema(() => new Promise(() => undefined));
  const run = () => ++runs;
  const limited = defineTask({ ...{ name: "limited", ...TIMEOUT }, schema, run });
  const endless = defineTask({ name: "endless", schema, run });
  const app = queue.app([limited, endless]);
  const writer = queue.app([defineTask({ name: "limited" }), defineTask({ name: "endless" })]);
  await writer.defer(writer.getTask("limited"), {});
  await writer.defer(writer.getTask("endless"), {});
  const { worker } = startWorker(app, { ...BRIEF, shutdownGrace: { milliseconds: 10 } });
  const abandoned: string[] = [];
  worker.on("job_abandoned", ({ job }) => abandoned.push(job.taskName));
  await until(async () => (await queue.jobs())[0]?.status === "failed");
  await until(async () => (await queue.jobs())[1]?.status === "doing");
  await worker.stop().catch(() => undefined);
  expect(abandoned).toEqual(["limited", "endless"]);
  expect((await queue.jobs())[1]?.status).toBe("todo");
  expect(runs).toBe(0);
});

test.each([
  ["a schema", false],
  ["a middleware", true],
])("a handler is not begun any more when %s took until the run was given up", async (_what, isMiddleware) => {
  const held = gate();
  const answered = gate();
  let runs = 0;
  const wait = () => held.opened.then(answered.open);
  const task = defineTask({
    ...{ name: "t", ...TIMEOUT },
    schema: slowSchema(isMiddleware ? () => Promise.resolve() : wait),
    middleware: isMiddleware ? [(_context, next) => wait().then(next)] : [],
    run: () => ++runs,
  });
  const app = queue.app([task]);
  const writer = queue.app([defineTask({ name: "t" })]);
  await writer.defer(writer.getTask("t"), {});
  await using _worker = startWorker(app, BRIEF);
  await until(async () => (await queue.jobs())[0]?.status === "failed");
  held.open();
  await answered.opened;
  await new Promise((resolve) => setImmediate(resolve));
  expect(runs).toBe(0);
});

test("a handler that was given up and then ends, either way, changes nothing and is no longer held against the worker", async () => {
  const ends = [gate(), gate()];
  const task = defineTask({
    ...{ name: "t", ...TIMEOUT },
    run: async ({ n }: { n: number }) => {
      await ends[n]?.opened;
      if (n === 1) throw new Error("long after");
    },
  });
  const app = queue.app([task]);
  await app.batchDefer(task, [{ n: 0 }, { n: 1 }]);
  const { worker } = startWorker(app, { ...BRIEF, concurrency: 2 });
  await until(async () => (await queue.jobs()).every(({ status }) => status === "failed"));
  for (const { open } of ends) open();
  await new Promise((resolve) => setImmediate(resolve));
  await worker.stop();
  expect((await queue.jobs()).map(({ status, attempts }) => [status, attempts])).toEqual([
    ["failed", 1],
    ["failed", 1],
  ]);
});

test("a handler that was given up cannot complete its job any more", async () => {
  const held = gate();
  const refused = gate();
  let error: unknown;
  await queue.pool.query("create table late_effects (n int)");
  const task = defineTask({
    ...{ name: "t", ...TIMEOUT },
    run: (_args, context) =>
      held.opened
        .then(() =>
          queue.transaction(async (tx) => {
            await tx.query("insert into late_effects values (1)");
            await context.complete(tx);
          }),
        )
        .catch((caught: unknown) => {
          error = caught;
          refused.open();
        }),
  });
  const app = queue.app([task]);
  await app.defer(task);
  const { worker } = startWorker(app, BRIEF);
  await until(async () => (await queue.jobs())[0]?.status === "failed");
  held.open();
  await refused.opened;
  expect(error).toMatchObject({ name: "LeaseLostError" });
  expect((await queue.pool.query("select * from late_effects")).rows).toEqual([]);
  await worker.stop();
  expect((await queue.jobs())[0]).toMatchObject({ status: "failed", attempts: 1 });
});

test("a given-up job frees its lock", async () => {
  const never = gate();
  const order: number[] = [];
  const task = defineTask({
    ...{ name: "t", lock: "l", ...TIMEOUT },
    run: ({ n }: { n: number }) => {
      order.push(n);
      return n === 0 ? never.opened : undefined;
    },
  });
  const app = queue.app([task]);
  await app.batchDefer(task, [{ n: 0 }, { n: 1 }]);
  await runDueJobs(app, { ...BRIEF, concurrency: 2 }).catch(() => undefined);
  expect(order).toEqual([0, 1]);
  expect((await queue.jobs()).map(({ status }) => status)).toEqual(["failed", "succeeded"]);
  never.open();
});
