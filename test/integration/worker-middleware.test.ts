import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { type ContextValue, contextKey, defineTask, type JobMiddleware, MiddlewareError } from "../../src/index.ts";
import { runDueJobs } from "../../src/testing/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { FAST, gate, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

const noting =
  (said: string[], name: string): JobMiddleware =>
  async (context, next) => {
    said.push(`${name} ${context.attempt}`);
    try {
      return await next();
    } finally {
      said.push(`/${name}`);
    }
  };

test.each([
  ["synchronous", false],
  ["asynchronous", true],
])(
  "middleware of the worker is around that of the task, the first one outermost, and a retry runs it again: %s",
  async (_kind, isAsync) => {
    const said: string[] = [];
    const handle = (attempt: number) => {
      said.push("run");
      if (attempt === 1) throw new Error("again");
    };
    const task = defineTask({
      name: "t",
      retry: 1,
      middleware: [noting(said, "c"), noting(said, "d")],
      run: (_args, { attempt }) => (isAsync ? Promise.resolve(attempt).then(handle) : handle(attempt)),
    });
    const app = queue.app([task]);
    await app.defer(task);
    const run = await runDueJobs(app, { ...FAST, middleware: [noting(said, "a"), noting(said, "b")] });
    expect([run.retried.length, run.succeeded.length]).toEqual([1, 1]);
    const once = (attempt: number) => [..."abcd"].map((name) => `${name} ${attempt}`);
    const back = ["run", "/d", "/c", "/b", "/a"];
    expect(said).toEqual([...once(1), ...back, ...once(2), ...back]);
  },
);

test("the worker's defaults bring middleware, which the worker's own replaces", async () => {
  const said: string[] = [];
  const task = defineTask({ name: "t", run: () => undefined });
  const app = queue.app([task], { workerDefaults: { middleware: [noting(said, "default")] } });
  await app.defer(task);
  await runDueJobs(app, FAST);
  await app.defer(task);
  await runDueJobs(app, { ...FAST, middleware: [noting(said, "own")] });
  expect(said).toEqual(["default 1", "/default", "own 1", "/own"]);
});

test.each<[what: string, middleware: JobMiddleware, status: string, ran: boolean]>([
  ["throws before the handler", () => Promise.reject(new Error("no")), "failed", false],
  ["throws without a promise", () => throwIt(), "failed", false],
  ["throws after the handler", (_context, next) => next().then(throwIt), "failed", true],
  ["leaves out the handler", async () => 1, "succeeded", false],
  ["swallows the handler's error", (_context, next) => next().catch(() => 1), "succeeded", true],
  [
    "calls next twice",
    (_context, next) =>
      next()
        .catch(() => 1)
        .then(next),
    "failed",
    true,
  ],
])("the run is what its outermost middleware makes of it: one that %s", async (_what, middleware, status, ran) => {
  let hasRun = false;
  const task = defineTask({
    name: "t",
    run: () => {
      hasRun = true;
      if (status === "succeeded") throw new Error("of the handler");
    },
  });
  const app = queue.app([task]);
  await app.defer(task);
  await runDueJobs(app, { ...FAST, middleware: [middleware] });
  expect((await queue.jobs())[0]?.status).toBe(status);
  expect(hasRun).toBe(ran);
});

function throwIt(): never {
  throw new Error("thrown");
}

test("a second call of next is refused by name", async () => {
  const task = defineTask({ name: "twice", middleware: [(_context, next) => next().then(next)], run: () => 1 });
  const app = queue.app([task]);
  await app.defer(task);
  const { failed } = await runDueJobs(app, FAST);
  expect(failed[0]?.error).toBeInstanceOf(MiddlewareError);
  expect(failed[0]?.error).toMatchObject({ code: "middleware", message: expect.stringContaining('"twice"') });
});

test("a job has not ended while its handler runs, though its middleware did not wait for it", async () => {
  const held = gate();
  const task = defineTask({
    name: "t",
    run: async () => {
      await held.opened;
      throw new Error("late");
    },
  });
  const app = queue.app([task]);
  await app.defer(task);
  let returned = false;
  const forgetful: JobMiddleware = async (_context, next) => {
    void next();
    returned = true;
  };
  await using _worker = startWorker(app, { middleware: [forgetful] });
  await until(() => returned);
  expect((await queue.jobs())[0]?.status).toBe("doing");
  held.open();
  await until(async () => (await queue.jobs())[0]?.status === "failed");
});

test.each<[what: string, layer: (inside: () => Promise<unknown>) => Promise<unknown>]>([
  ["gave up waiting", (next) => Promise.race([next(), Promise.reject(new Error("too slow"))])],
  [
    "threw before it waited",
    async (next) => {
      const inside = next();
      await Promise.reject(new Error("of something else"));
      await inside;
    },
  ],
])("a run has not ended while its handler runs, though its middleware %s", async (_what, layer) => {
  const held = gate();
  const said: string[] = [];
  const run = async () => {
    await held.opened;
    said.push("handler ended");
    throw new Error("late");
  };
  const app = queue.app([defineTask({ name: "t", run })]);
  await app.defer(app.getTask("t"), {});
  const middleware: JobMiddleware = (_context, next) => layer(next).finally(() => said.push("layer ended"));
  await using unhandled = watchUnhandled();
  await using started = startWorker(app, { middleware: [middleware] });
  started.worker.on("job_error", ({ error }) => said.push(String(error)));
  await until(() => said.length > 0);
  held.open();
  await until(async () => (await queue.jobs())[0]?.status === "failed");
  expect(said).toEqual(["layer ended", "handler ended", expect.stringMatching(/too slow|of something else/)]);
  expect(unhandled.errors).toEqual([]);
});

test("a handler that fails while its middleware does something else has failed, and harms nobody", async () => {
  const failed = gate();
  const run = async () => {
    failed.open();
    throw new Error("unheard");
  };
  const task = defineTask({ name: "t", run });
  const app = queue.app([task]);
  await app.defer(task);
  await using unhandled = watchUnhandled();
  const forgetful: JobMiddleware = async (_context, next) => {
    void next();
    await failed.opened;
    await new Promise((resolve) => setImmediate(resolve));
  };
  const result = await runDueJobs(app, { ...FAST, middleware: [forgetful] });
  expect(result.failed.map(({ error }) => String(error))).toEqual(["Error: unheard"]);
  expect(unhandled.errors).toEqual([]);
});

test.each<[what: string, layer: (inside: Promise<unknown>) => Promise<unknown>]>([
  ["catch", (inside) => inside.catch(() => 1)],
  ["then", (inside) => inside.then(undefined, () => 1)],
  ["allSettled", (inside) => Promise.allSettled([inside])],
  [
    "a later await",
    async (inside) => {
      await new Promise((resolve) => setImmediate(resolve));
      await inside.catch(() => 1);
    },
  ],
])("middleware has heard what it takes by %s, and may make a success of it", async (_what, layer) => {
  const task = defineTask({ name: "t", run: () => Promise.reject(new Error("heard")) });
  const app = queue.app([task]);
  await app.defer(task);
  await using unhandled = watchUnhandled();
  const { succeeded } = await runDueJobs(app, { ...FAST, middleware: [(_context, next) => layer(next())] });
  expect(succeeded).toHaveLength(1);
  expect(unhandled.errors).toEqual([]);
});

test("a call of next after the end of the middleware starts nothing, and harms nobody", async () => {
  let hasRun = false;
  const task = defineTask({ name: "t", run: () => (hasRun = true) });
  const app = queue.app([task]);
  await app.defer(task);
  await using unhandled = watchUnhandled();
  const late = gate();
  const refused: unknown[] = [];
  const middleware: JobMiddleware = async (_context, next) => {
    void late.opened.then(() => {
      void next();
      return next().catch((error: unknown) => refused.push(error));
    });
  };
  const { succeeded } = await runDueJobs(app, { ...FAST, middleware: [middleware] });
  expect(succeeded).toHaveLength(1);
  late.open();
  await until(() => refused.length > 0);
  expect(refused).toEqual([expect.objectContaining({ code: "middleware", message: expect.stringContaining('"t"') })]);
  expect(hasRun).toBe(false);
  expect(unhandled.errors).toEqual([]);
});

/** Rejections that nobody handles: outside of a test they end the process. */
function watchUnhandled(): AsyncDisposable & { readonly errors: readonly unknown[] } {
  const errors: unknown[] = [];
  const note = (error: unknown): number => errors.push(error);
  process.on("unhandledRejection", note);
  return { errors, [Symbol.asyncDispose]: async () => void process.off("unhandledRejection", note) };
}

test("what the schema refuses is seen by middleware, an unknown task is not, and timeouts hold for both", async () => {
  const seen: unknown[] = [];
  const middleware: JobMiddleware = async ({ job, signal }, next) => {
    try {
      await next();
    } catch (error) {
      seen.push([job.taskName, error instanceof Error ? error.name : error]);
      throw error;
    }
    if (job.taskName === "slow") await new Promise((_resolve, reject) => signal.addEventListener("abort", reject));
  };
  const strict = defineTask({ name: "strict", schema: z.object({ n: z.number() }), run: () => 1 });
  const slow = defineTask({ name: "slow", timeout: { milliseconds: 20 }, run: () => 1 });
  const app = queue.app([strict, slow]);
  const writer = queue.app([defineTask({ name: "strict" })]);
  await writer.defer(writer.getTask("strict"), {});
  await writer.deferByName("unknown", {}, { allowUnknown: true });
  await app.defer(slow);
  const { failed } = await runDueJobs(app, { ...FAST, middleware: [middleware] });
  expect(seen).toEqual([["strict", "InvalidArgsError"]]);
  expect(failed.map(({ job, error }) => [job.taskName, (error as Error).name])).toEqual(
    expect.arrayContaining([
      ["strict", "InvalidArgsError"],
      ["unknown", "TaskNotFoundError"],
      ["slow", "JobTimeoutError"],
    ]),
  );
});

test("a handler gets what its worker was given, and an error that says how where it was given nothing", async () => {
  const database = contextKey<{ readonly name: string }>("database");
  const mailer = contextKey<() => string>("mailer");
  const got: unknown[] = [];
  const task = defineTask({
    name: "t",
    run: (_args, context) => {
      got.push(context.get(database).name, context.worker.name, context.worker.queues);
      context.get(mailer)();
    },
  });
  const app = queue.app([task], { workerDefaults: { context: [database.with({ name: "mine" })] } });
  await app.defer(task);
  const { failed } = await runDueJobs(app, { ...FAST, name: "w" });
  expect(got).toEqual(["mine", "w", undefined]);
  expect(failed[0]?.error).toMatchObject({
    code: "invalid_option",
    message: expect.stringContaining("mailer.with(value)"),
  });
});

test("a key has one value, and its name no other key: a handler with a key made anew is told so", async () => {
  const key = contextKey<number>("limit");
  const same = contextKey<number>("limit");
  const task = defineTask({ name: "t", run: (_args, context) => context.get(same) });
  const app = queue.app([task]);
  const worker = (...context: ContextValue[]) => app.createWorker({ context });
  expect(() => worker(key.with(1), key.with(2))).toThrow('context: "limit" is given two values. Give it one.');
  expect(() => worker(key.with(1), same.with(2))).toThrow(
    'context: "limit" is the name of two keys. Make the key once',
  );
  await app.defer(task);
  const { failed } = await runDueJobs(app, { ...FAST, context: [key.with(1)] });
  expect(failed[0]?.error).toMatchObject({
    code: "invalid_option",
    message: expect.stringContaining("under another key of that name. Make the key once and import it"),
  });
});

test.each([
  [{ middleware: [1] }, "middleware"],
  [{ middleware: () => 1 }, "middleware"],
  [{ context: { database: 1 } }, "context"],
  [{ context: [1] }, "context"],
])("a worker is refused for %j", (options, option) => {
  const app = queue.app([defineTask({ name: "t", run: () => 1 })]);
  expect(() => app.createWorker(options as never)).toThrow(expect.objectContaining({ option }));
});

test("a handler stops its worker and goes on itself; what it leaves is run by the next worker", async () => {
  const ended: number[] = [];
  const task = defineTask({
    name: "t",
    run: async ({ n }: { n: number }, context) => {
      if (n === 0) context.worker.stop();
      await new Promise((resolve) => setImmediate(resolve));
      ended.push(n);
    },
  });
  const app = queue.app([task]);
  await app.batchDefer(task, [{ n: 0 }, { n: 1 }, { n: 2 }]);
  await startWorker(app).done;
  expect(ended).toEqual([0]);
  expect((await queue.jobs()).map(({ status }) => status)).toEqual(["succeeded", "todo", "todo"]);
  await runDueJobs(app, FAST);
  expect(ended).toEqual([0, 1, 2]);
});
