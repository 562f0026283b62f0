import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  type DeferMiddleware,
  defineTask,
  InvalidOptionError,
  MiddlewareError,
  namespace,
  periodic,
} from "../../src/index.ts";
import { runDueJobs } from "../../src/testing/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { FAST } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

const task = defineTask<{ n: number }>({ name: "t" });
const noting =
  (said: string[], name: string): DeferMiddleware =>
  async (deferral, next) => {
    said.push(`${name} ${deferral.task.name} ${deferral.argsList.length} ${deferral.isBatch}`);
    const ids = await next();
    said.push(`/${name} ${ids.length}`);
    return ids;
  };

test("middleware is around every defer and batchDefer, the first one outermost", async () => {
  const said: string[] = [];
  const app = queue.app([task], { deferMiddleware: [noting(said, "a"), noting(said, "b")] });
  const id = await app.defer(task, { n: 1 });
  expect(said).toEqual(["a t 1 false", "b t 1 false", "/b 1", "/a 1"]);
  said.length = 0;
  const ids = await app.batchDefer(task, [{ n: 2 }, { n: 3 }]);
  await app.configure(task, { queue: "q" }).defer({ n: 4 });
  await app.deferByName("t", { n: 5 });
  await app.batchDeferByName("t", []);
  expect(said.filter((line) => line.startsWith("a"))).toEqual([
    "a t 2 true",
    "a t 1 false",
    "a t 1 false",
    "a t 0 true",
  ]);
  const jobs = await queue.jobs();
  expect(jobs.slice(0, 3).map((job) => job.id)).toEqual([id, ...ids]);
});

test("it changes arguments and options, which are checked afterwards, and keeps the transaction", async () => {
  const tenant: DeferMiddleware = (deferral, next) =>
    next({
      argsList: deferral.argsList.map((args) => ({ ...(args as object), tenant: 7 })),
      options: { ...deferral.options, queue: "tenant" },
    });
  const app = queue.app([task], { deferMiddleware: [tenant] });
  await expect(
    queue.transaction(async (tx) => {
      await app.defer(task, { n: 1 }, { tx });
      throw new Error("rolled back");
    }),
  ).rejects.toThrow("rolled back");
  await app.defer(task, { n: 2 }, { priority: 3 });
  expect(await queue.jobs()).toMatchObject([{ args: { n: 2, tenant: 7 }, queue: "tenant", priority: 3 }]);
  const wrong = queue.app([task], { deferMiddleware: [(_deferral, next) => next({ argsList: [1] })] });
  await expect(wrong.defer(task, { n: 1 })).rejects.toThrow("not an object");
});

test("it refuses jobs by throwing, and what a handler defers goes through it too", async () => {
  const refuse: DeferMiddleware = ({ task: deferred }, next) =>
    deferred.name === "child" ? Promise.reject(new Error("no children")) : next();
  const child = defineTask({ name: "child", run: () => 1 });
  const parent = defineTask({ name: "parent", run: (_args, context) => context.defer(child) });
  const app = queue.app([parent, child], { deferMiddleware: [refuse] });
  await app.defer(parent);
  const { failed } = await runDueJobs(app, FAST);
  expect(failed[0]?.error).toMatchObject({ message: "no children" });
});

test("one that gives no ids, and options that are no middleware, are refused", async () => {
  const app = queue.app([task], { deferMiddleware: [async () => []] });
  await expect(app.defer(task, { n: 1 })).rejects.toThrow(MiddlewareError);
  expect(await app.batchDefer(task, [{ n: 1 }])).toEqual([]);
  for (const deferMiddleware of [1, [1]] as never[]) {
    expect(() => queue.app([task], { deferMiddleware })).toThrow(InvalidOptionError);
  }
  const two = queue.app([task], { deferMiddleware: [(_deferral, next) => next({ argsList: [{ n: 1 }, { n: 2 }] })] });
  await expect(two.defer(task, { n: 1 })).rejects.toThrow("passed 2 elements as argsList of a single defer");
  const through = queue.app([task], { deferMiddleware: [(_deferral, next) => next()] });
  await expect(through.batchDefer(task, "x" as never)).rejects.toThrow("is not an array of arguments");
});

test.each<[what: string, middleware: DeferMiddleware, error: object]>([
  ["calls next twice", (_deferral, next) => next().then(() => next()), { code: "middleware", message: /twice/ }],
  [
    "defers a task that the app does not have",
    (_deferral, next) => next({ task: defineTask({ name: "strange" }) }),
    { code: "task_not_found", message: /No task is named "strange"/ },
  ],
  [
    "defers what is no task",
    (_deferral, next) => next({ task: "t" as never }),
    { code: "invalid_option", message: /defineTask/ },
  ],
  [
    "passes on what does not exist",
    (_deferral, next) => next({ argList: [] } as never),
    {
      code: "invalid_option",
      message: /^next\.argList: an array .* does not exist. The options are task, argsList, options/,
    },
  ],
  [
    "passes on no list",
    (_deferral, next) => next({ argsList: { n: 1 } } as never),
    { code: "invalid_option", message: /^next\.argsList: an object is not an array/ },
  ],
  ["passes on no object", (_deferral, next) => next(1 as never), { code: "invalid_option", message: /^next: 1/ }],
  [
    "makes a batch of a single job",
    (deferral, next) => next({ ...deferral, isBatch: true } as never),
    { code: "invalid_option", message: /^next\.isBatch: true cannot be changed/ },
  ],
  [
    "passes on options that do not exist",
    (_deferral, next) => next({ options: { que: "q" } as never }),
    { code: "invalid_option", message: /^defer\.que/ },
  ],
])("one that %s is told so", async (what, middleware, { message, ...error }: { message?: RegExp }) => {
  const app = queue.app([task], { deferMiddleware: [middleware] });
  const refused = app.defer(task, { n: 1 });
  await expect(refused).rejects.toMatchObject(error);
  await expect(refused).rejects.toThrow(message);
  expect(await queue.jobs()).toHaveLength(what === "calls next twice" ? 1 : 0);
});

test("it may pass on the whole deferral, what is undefined, and another task of the app, by its namespace, too", async () => {
  const other = defineTask<{ n: number }>({ name: "other" });
  const { moved } = namespace("billing", { moved: other });
  const whole: DeferMiddleware = (deferral, next) => next({ ...deferral, options: { queue: "whole" } });
  const nothing: DeferMiddleware = (_deferral, next) => next({ argsList: undefined } as never);
  const elsewhere: DeferMiddleware = (_deferral, next) => next({ task: other });
  const app = queue.app([task, moved], { deferMiddleware: [whole, nothing, elsewhere] });
  await app.defer(task, { n: 1 });
  await app.batchDefer(task, [{ n: 2 }]);
  expect(await queue.jobs()).toMatchObject([
    { task: "billing:other", queue: "whole", args: { n: 1 } },
    { task: "billing:other", queue: "whole", args: { n: 2 } },
  ]);
});

test("a task that the app does not have still goes through it where deferByName allows it", async () => {
  const app = queue.app([task], { deferMiddleware: [(deferral, next) => next({ ...deferral })] });
  await app.deferByName("strange", {}, { allowUnknown: true });
  expect(await queue.jobs()).toMatchObject([{ task: "strange" }]);
});

test("what is deferred by hand of a schedule goes through it, its ticks do not", async () => {
  const said: string[] = [];
  const ticking = defineTask({ name: "ticking", run: () => undefined });
  const app = queue.app([ticking], {
    deferMiddleware: [noting(said, "a")],
    periodic: [periodic(ticking, { cron: "@yearly", maxDelay: { weeks: 100 } })],
  });
  await runDueJobs(app, FAST);
  await queue.pool.query("update procrastinate_schedules set last_tick = last_tick - 366 * 86400");
  expect((await runDueJobs(app, FAST)).succeeded).toHaveLength(1);
  expect(said).toEqual([]);
  await app.periodic.runNow(ticking);
  expect(said[0]).toBe("a ticking 1 false");
});
