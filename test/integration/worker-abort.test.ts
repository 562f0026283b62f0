import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  createApp,
  DatabaseError,
  defineTask,
  type JobContext,
  type RetryOption,
  silentLogger,
} from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { gate, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(async () => {
  await queue.clear();
  await queue.pool.query("delete from procrastinate_events");
});
afterAll(() => queue.close());

/** Only a notification can tell of an abort in time. */
const NOTIFIED = { abortPollingInterval: { seconds: 60 } };
const CHANNEL = "procrastinate_jobs";

async function requestAbort(id: bigint, { notify }: { notify: boolean }): Promise<void> {
  await queue.transaction(async (tx) => {
    await tx.query("update procrastinate_jobs set abort_requested = true where id = $1", [id]);
    if (notify) await tx.query("select pg_notify($1, $2)", [CHANNEL, JSON.stringify({ abort: String(id) })]);
  });
}

/** Starts a worker that listens, and one job on it; gives what its handler's signal said. */
async function running(
  end: (context: JobContext, reason: unknown) => unknown,
  {
    retry = false as RetryOption,
    ...options
  }: { retry?: RetryOption; abortPollingInterval?: { seconds: number }; concurrency?: number } = {},
) {
  const begun = gate();
  const reasons: unknown[] = [];
  const task = defineTask({
    ...{ name: "t", retry, lock: "l" },
    run: async (_args, context) => {
      const aborted = new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      begun.open();
      await aborted;
      reasons.push(context.signal.reason);
      return end(context, context.signal.reason);
    },
  });
  const app = queue.app([task]);
  const started = startWorker(app, options);
  await new Promise((resolve) => started.worker.on("listening", resolve));
  const id = await app.defer(task);
  await begun.opened;
  const ended = (): Promise<unknown> => until(async () => (await queue.jobs())[0]?.status !== "doing");
  return { app, task, id, reasons, ended, ...started };
}

const events = async (): Promise<unknown[]> =>
  (await queue.pool.query("select type::text, detail->>'message' as message from procrastinate_events order by id"))
    .rows;

test.each([true, false])(
  "a handler whose abort was requested (notified: %s) and that rejects ends aborted, never retried",
  async (notify) => {
    const fail = (_context: JobContext, reason: unknown) => Promise.reject(reason);
    await using run = await running(fail, { retry: true, ...(notify ? NOTIFIED : {}) });
    await requestAbort(run.id, { notify });
    await run.ended();
    expect(run.reasons).toMatchObject([{ name: "JobAbortedError", reason: "user_request" }]);
    expect((await queue.jobs())[0]).toMatchObject({ status: "aborted", attempts: 1, ready: false });
    expect(await events()).toEqual([{ type: "aborted", message: "The job was asked to stop: user_request." }]);
  },
);

test("any rejection after the request counts as aborted", async () => {
  await using run = await running(() => Promise.reject(new RangeError("unrelated")), { retry: 5, ...NOTIFIED });
  await requestAbort(run.id, { notify: true });
  await run.ended();
  expect((await queue.jobs())[0]).toMatchObject({ status: "aborted", attempts: 1 });
});

test("a handler that returns although its abort was requested has succeeded", async () => {
  await using run = await running(() => "done", NOTIFIED);
  await requestAbort(run.id, { notify: true });
  await run.ended();
  expect((await queue.jobs())[0]).toMatchObject({ status: "succeeded", attempts: 1 });
  expect(await events()).toEqual([]);
});

test("a handler that completes its job in its own transaction after the request has succeeded", async () => {
  await using run = await running((context) => queue.transaction((tx) => context.complete(tx)), NOTIFIED);
  await requestAbort(run.id, { notify: true });
  await run.ended();
  expect((await queue.jobs())[0]?.status).toBe("succeeded");
});

test("a request that nothing tells of is found within a short abortPollingInterval, also just after a run began", async () => {
  await using run = await running((_context, reason) => Promise.reject(reason));
  const begunAt = performance.now();
  await requestAbort(run.id, { notify: false });
  await until(() => run.reasons.length === 1);
  // Usually 50 ms.
  expect(performance.now() - begunAt).toBeLessThan(900);
  await run.ended();
  expect((await queue.jobs())[0]?.status).toBe("aborted");
});

test("a job whose abort was requested holds its lock until its handler ends", async () => {
  const held = gate();
  await using run = await running((_context, reason) => held.opened.then(() => Promise.reject(reason)), {
    ...NOTIFIED,
    concurrency: 2,
  });
  const next = await run.app.deferByName("unknown", {}, { lock: "l", allowUnknown: true });
  await requestAbort(run.id, { notify: true });
  await until(() => run.reasons.length === 1);
  // The other one is looked at, and set aside, while the aborted one still runs.
  await until(async () => (await queue.jobs()).find(({ id }) => id === next)?.ready === false);
  expect((await queue.jobs()).map(({ status }) => status)).toEqual(["doing", "todo"]);
  held.open();
  await until(async () => (await queue.jobs())[1]?.status === "failed");
  expect((await queue.jobs())[0]?.status).toBe("aborted");
});

test("the abort of one job leaves the others of its worker alone", async () => {
  const aborted: number[] = [];
  const ends = gate();
  const task = defineTask({
    name: "t",
    run: ({ n }: { n: number }, { signal }) =>
      new Promise<void>((resolve, reject) => {
        void ends.opened.then(resolve);
        signal.addEventListener("abort", () => {
          aborted.push(n);
          reject(signal.reason);
        });
      }),
  });
  const app = queue.app([task]);
  const ids = await app.batchDefer(task, [{ n: 0 }, { n: 1 }, { n: 2 }]);
  await using started = startWorker(app, { concurrency: 3, ...NOTIFIED });
  await new Promise((resolve) => started.worker.on("listening", resolve));
  await until(async () => (await queue.jobs()).every(({ status }) => status === "doing"));
  await requestAbort(ids[1] ?? 0n, { notify: true });
  await until(async () => (await queue.jobs())[1]?.status === "aborted");
  ends.open();
  await until(async () => (await queue.jobs()).every(({ status }) => status !== "doing"));
  expect(aborted).toEqual([1]);
  expect((await queue.jobs()).map(({ status }) => status)).toEqual(["succeeded", "aborted", "succeeded"]);
});

test("a run that fails before it hears of the request, and would be tried again, ends aborted", async () => {
  const begun = gate();
  const held = gate();
  const task = defineTask({
    name: "t",
    retry: true,
    run: async () => {
      begun.open();
      await held.opened;
      throw new Error("at that moment");
    },
  });
  const app = queue.app([task]);
  const id = await app.defer(task);
  await using _worker = startWorker(app, NOTIFIED);
  await begun.opened;
  await requestAbort(id, { notify: false });
  held.open();
  await until(async () => (await queue.jobs())[0]?.status === "aborted");
  expect(await events()).toEqual([{ type: "aborted", message: "at that moment" }]);
});

test("a job whose abort was requested and that is interrupted by a stop ends aborted, for nobody wants it back", async () => {
  const begun = gate();
  const task = defineTask({
    name: "t",
    run: (_args, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
        begun.open();
      }),
  });
  const app = queue.app([task]);
  const id = await app.defer(task);
  const { worker } = startWorker(app, { ...NOTIFIED, shutdownGrace: { milliseconds: 0 } });
  await begun.opened;
  await requestAbort(id, { notify: false });
  await worker.stop();
  expect((await queue.jobs())[0]?.status).toBe("aborted");
});

test("a look for aborts that fails is made again", async () => {
  const begun = gate();
  const task = defineTask({
    name: "t",
    run: async (_args, { signal }) => {
      begun.open();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      throw signal.reason;
    },
  });
  let failures = 0;
  const connector: typeof queue.connector = {
    ...queue.connector,
    pool: {
      query: async (statement, values) => {
        if (statement.name !== "check_running_jobs" || ++failures > 2)
          return queue.connector.pool.query(statement, values);
        throw new DatabaseError(statement.name, new Error("Connection terminated unexpectedly"));
      },
    },
  };
  const app = createApp({ connector, tasks: [task], logger: silentLogger });
  await using started = startWorker(app, NOTIFIED);
  await new Promise((resolve) => started.worker.on("listening", resolve));
  const id = await app.defer(task);
  await begun.opened;
  await requestAbort(id, { notify: true });
  await until(async () => (await queue.jobs())[0]?.status === "aborted");
});
