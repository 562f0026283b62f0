import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type DeleteJobs, defineTask, JobAbortedError } from "../../src/index.ts";
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
  await queue.pool.query("truncate procrastinate_events, procrastinate_workers");
});
afterAll(() => queue.close());

const events = async (): Promise<string[]> =>
  (await queue.pool.query("select type::text from procrastinate_events order by id")).rows.map(({ type }) => type);

/** Tasks for every way in which a job can end, each tried again once before. */
function tasks() {
  const once = (end: () => unknown) => (_args: object, context: { attempt: number }) =>
    context.attempt === 1 ? Promise.reject(new Error("again")) : end();
  return [
    defineTask({ name: "succeeds", retry: 1, run: once(() => 1) }),
    defineTask({
      name: "completes",
      retry: 1,
      run: (_args, context) => once(() => queue.transaction((tx) => context.complete(tx)))({}, context),
    }),
    defineTask({ name: "fails", retry: 1, run: once(() => Promise.reject(new Error("for good"))) }),
    defineTask({ name: "aborts", retry: 1, run: once(() => Promise.reject(new JobAbortedError())) }),
  ];
}

const EXPECTED: readonly [DeleteJobs, string[], number][] = [
  ["never", ["succeeds", "completes", "fails", "aborts", "unknown"], 4 + 3],
  ["successful", ["fails", "aborts", "unknown"], 2 + 3],
  ["always", [], 0],
];

test.each(EXPECTED)(
  "with deleteJobs: %s what stays is %j, with %i events, and no event of what is gone",
  async (deleteJobs, names, count) => {
    const app = queue.app(tasks());
    for (const name of app.taskNames) await app.defer(app.getTask(name), {}, { lock: name });
    await app.deferByName("unknown", {}, { allowUnknown: true });
    await runDueJobs(app, { ...FAST, deleteJobs, concurrency: 3 });
    expect((await queue.jobs()).map(({ task }) => task)).toEqual(names);
    expect(await events()).toHaveLength(count);
    const orphans = "select 1 from procrastinate_events where job_id not in (select id from procrastinate_jobs)";
    expect((await queue.pool.query(orphans)).rowCount).toBe(0);
  },
);

test("a job that waits to be tried again is never deleted", async () => {
  const task = defineTask({
    name: "t",
    retry: { decide: () => ({ retryIn: { hours: 1 } }) },
    run: () => Promise.reject(new Error()),
  });
  const app = queue.app([task]);
  await app.defer(task);
  await runDueJobs(app, { ...FAST, deleteJobs: "always" });
  expect((await queue.jobs())[0]).toMatchObject({ status: "todo", attempts: 1 });
  expect(await events()).toEqual(["deferred_for_retry"]);
});

test("jobs that run under one lock and are deleted let the next one run", async () => {
  const order: number[] = [];
  const task = defineTask({ name: "t", lock: "l", run: ({ n }: { n: number }) => order.push(n) });
  const app = queue.app([task]);
  const upTo = Array.from({ length: 100 }, (_, n) => ({ n }));
  await app.batchDefer(task, upTo);
  await using _worker = startWorker(app, {
    deleteJobs: "successful",
    concurrency: 3,
    pollingInterval: { seconds: 60 },
  });
  await until(() => order.length === 100);
  expect(order).toEqual(upTo.map(({ n }) => n));
  await until(async () => (await queue.jobs()).length === 0);
});

test("a job that its worker lost is not deleted by it", async () => {
  const held = gate();
  // The worker notices that nobody runs the job under its new lease, gives it back and claims it anew.
  const again = gate();
  const lost: unknown[] = [];
  let runs = 0;
  const task = defineTask({ name: "t", run: () => (runs++ === 0 ? held.opened : again.opened) });
  const app = queue.app([task]);
  await app.defer(task);
  await using started = startWorker(app, { deleteJobs: "always" });
  started.worker.on("lease_lost", (event) => lost.push(event));
  await until(async () => (await queue.jobs())[0]?.status === "doing");
  await queue.pool.query("update procrastinate_jobs set lease = lease + 1");
  held.open();
  await until(() => lost.length > 0);
  expect(await queue.jobs()).toHaveLength(1);
  again.open();
});

test("jobs whose abort was requested, and that would be tried again or go back at a stop, are deleted too", async () => {
  const begun = gate();
  const held = gate();
  const failing = defineTask({
    name: "failing",
    retry: true,
    run: async () => {
      begun.open();
      await held.opened;
      throw new Error("would be tried again");
    },
  });
  const stopped = defineTask({
    name: "stopped",
    run: (_args, { signal }) => new Promise((_resolve, reject) => signal.addEventListener("abort", reject)),
  });
  const app = queue.app([failing, stopped]);
  await app.defer(failing);
  await app.defer(stopped);
  const options = {
    deleteJobs: "always",
    concurrency: 2,
    shutdownGrace: { milliseconds: 0 },
    abortPollingInterval: { seconds: 60 },
  } as const;
  const { worker } = startWorker(app, options);
  await begun.opened;
  await until(async () => (await queue.jobs()).every(({ status }) => status === "doing"));
  await queue.pool.query("update procrastinate_jobs set abort_requested = true");
  held.open();
  await until(async () => (await queue.jobs()).every(({ task, status }) => task !== "failing" || status !== "doing"));
  await worker.stop();
  expect((await queue.jobs()).map(({ task, status }) => `${task} ${status}`)).toEqual([]);
  expect(await events()).toEqual([]);
});

test.each([false, true])(
  "an abort that is requested while the job is being deleted leaves no event, with a former run: %s",
  async (isRetried) => {
    const held = gate();
    const task = defineTask({
      name: "t",
      retry: 1,
      run: (_args, { attempt }) => (isRetried && attempt === 1 ? Promise.reject(new Error("again")) : held.opened),
    });
    const app = queue.app([task]);
    const id = await app.defer(task);
    await using started = startWorker(app, { deleteJobs: "successful", abortPollingInterval: { seconds: 60 } });
    await until(async () => (await queue.jobs())[0]?.attempts === (isRetried ? 1 : 0));
    await until(async () => (await queue.jobs())[0]?.status === "doing");
    await queue.transaction(async (tx) => {
      await app.jobs.cancel(id, { abort: true, tx });
      held.open();
      await queue.untilBlocked();
    });
    await started.worker.stop();
    expect(await queue.jobs()).toEqual([]);
    expect(await events()).toEqual([]);
  },
);
