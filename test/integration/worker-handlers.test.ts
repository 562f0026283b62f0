import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { type AnyTask, createApp, defineTask, type JobContext, type LogFields, silentLogger } from "../../src/index.ts";
import { runDueJobs } from "../../src/testing/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { FAST } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(async () => {
  await queue.clear();
  await queue.pool.query("delete from procrastinate_events");
});
afterAll(() => queue.close());

const NUL = "\u0000";

async function runOne(task: AnyTask, args: object = {}) {
  const app = queue.app([task]);
  await app.defer(app.getTask(task.name), args);
  const run = await runDueJobs(app, FAST);
  const [job] = await queue.jobs();
  const { rows } = await queue.pool.query("select type::text, detail from procrastinate_events order by id");
  return { run, job, detail: rows[0]?.detail, events: rows };
}

class Getter extends Error {
  override get message(): string {
    throw new Error("even its message throws");
  }
}
const circular: { self?: unknown } = {};
circular.self = circular;
const ownCause = new Error("of itself");
ownCause.cause = ownCause;

test.each<[what: string, thrown: unknown, detail: object]>([
  ["null", null, { name: "object", message: "null" }],
  ["undefined", undefined, { name: "undefined", message: "undefined" }],
  ["a number", Number.NaN, { name: "number", message: "NaN" }],
  ["a bigint", 10n ** 30n, { name: "bigint", message: "1000000000000000000000000000000" }],
  ["a symbol", Symbol("s"), { name: "symbol", message: "Symbol(s)" }],
  ["a string with NUL", `a${NUL}b`, { name: "string", message: "a\uFFFDb" }],
  ["an object", { code: 7, text: `x${NUL}` }, { name: "object", message: '{"code":7,"text":"x\\u0000"}' }],
  ["a circular object", circular, { message: "an error that cannot be read" }],
  ["a function", () => 1, { name: "function" }],
  [
    "an error with NUL in its name",
    Object.assign(new Error("m"), { name: `E${NUL}` }),
    { name: "E\uFFFD", message: "m" },
  ],
  ["an error whose message throws", new Getter(), { message: "an error that cannot be read" }],
  ["an error without a stack", Object.assign(new Error("m"), { stack: undefined }), { message: "m", stack: "" }],
  ["an error that is its own cause", ownCause, { message: "of itself", cause: { message: "of itself" } }],
  ["half an emoji", new Error("\ud83d"), { message: "\uFFFD" }],
])("a handler that throws %s fails its job, and the event can be read", async (_what, thrown, expected) => {
  for (const run of [() => Promise.reject(thrown), () => throwIt(thrown)]) {
    await queue.clear();
    const { job, detail } = await runOne(defineTask({ name: "t", run }));
    expect(job).toMatchObject({ status: "failed", attempts: 1 });
    expect(detail).toMatchObject({ attempt: 1, ...expected });
  }
});

function throwIt(thrown: unknown): never {
  throw thrown;
}

test("a message of many megabytes is cut, and so is a stack", async () => {
  const error = new Error("😀".repeat(4_000_000));
  const { job, detail } = await runOne(defineTask({ name: "t", run: () => Promise.reject(error) }));
  expect(job?.status).toBe("failed");
  expect(detail.message).toMatch(/^(😀)+\uFFFD?…$/u);
  expect(detail.message.length).toBeLessThan(5000);
  expect(detail.stack.length).toBeLessThan(10_000);
});

test.each<[what: string, returned: () => unknown]>([
  ["nothing", () => undefined],
  ["a value that no JSON can hold", () => ({ big: 1n, self: circular })],
  ["an error, without throwing it", () => new Error("returned")],
  // biome-ignore lint/suspicious/noThenProperty: what it does with thenables is the point
  ["a thenable that is no promise", () => ({ then: (resolve: (value: unknown) => void) => resolve(1) })],
  // biome-ignore lint/suspicious/noThenProperty: thenables are what this is about.
  ["an object whose `then` is no function", () => ({ ["then"]: 1 })],
])("a handler that returns %s has succeeded", async (_what, returned) => {
  const { job, events } = await runOne(defineTask({ name: "t", run: returned }));
  expect(job).toMatchObject({ status: "succeeded", attempts: 1 });
  expect(events).toEqual([]);
});

test.each<[what: string, returned: () => unknown]>([
  // biome-ignore lint/suspicious/noThenProperty: as above
  ["whose `then` throws", () => ({ then: () => throwIt(new Error("then")) })],
  [
    "that rejects",
    // biome-ignore lint/suspicious/noThenProperty: thenables are what this is about.
    () => ({ ["then"]: (_resolve: unknown, reject: (error: Error) => void) => reject(new Error("then")) }),
  ],
])("a handler that returns a thenable %s has failed", async (_what, returned) => {
  const { job, detail } = await runOne(defineTask({ name: "t", timeout: { seconds: 5 }, run: returned }));
  expect(job?.status).toBe("failed");
  expect(detail.message).toBe("then");
});

test("an asynchronous schema is awaited before the handler runs, and its refusal names the place", async () => {
  const schema = z.object({ n: z.number().refine(async (n) => n > 0, "must be positive") });
  const seen: unknown[] = [];
  const task = defineTask({ name: "t", schema, run: (args) => seen.push(args) });
  const writer = queue.app([defineTask({ name: "t" })]);
  for (const n of [1, -1]) await writer.defer(writer.getTask("t"), { n });
  const { failed } = await runDueJobs(queue.app([task]), FAST);
  expect(seen).toEqual([{ n: 1 }]);
  expect(failed).toMatchObject([{ error: { name: "InvalidArgsError", path: "args.n" } }]);
});

test("arguments that the schema refuses are retried like any failure, for a new version may know better", async () => {
  const schema = z.object({ n: z.string() });
  const task = defineTask({ name: "t", schema, retry: 2, run: () => 1 });
  const writer = queue.app([defineTask({ name: "t" })]);
  await writer.defer(writer.getTask("t"), { n: 1 });
  await runDueJobs(queue.app([task]), FAST);
  expect((await queue.jobs())[0]).toMatchObject({ status: "failed", attempts: 3 });
});

test("an unknown task is never retried, and fails with the names that there are", async () => {
  const app = queue.app([defineTask({ name: "known", retry: true, run: () => 1 })]);
  await app.deferByName("unknown", {}, { allowUnknown: true });
  await runDueJobs(app, FAST);
  expect((await queue.jobs())[0]).toMatchObject({ status: "failed", attempts: 1 });
  const { rows } = await queue.pool.query("select detail->>'message' as message from procrastinate_events");
  expect(rows).toEqual([{ message: expect.stringMatching(/No task is named "unknown".*known/) }]);
});

test("a handler gets the arguments as stored, its job, its attempt, and a logger that names both", async () => {
  const lines: LogFields[] = [];
  const logger = { ...silentLogger, info: (fields: LogFields) => lines.push(fields) };
  const args = { text: 'quo"te\\ \u2028 😀', list: [1.5, null, { deep: [true] }], $1: "x" };
  let seen: { args: unknown; context: JobContext } | undefined;
  const task = defineTask({
    name: "t",
    lock: "l",
    queue: "q",
    priority: 3,
    run: (given: typeof args, context) => {
      seen = { args: given, context };
      context.logger.info({ extra: 1 }, "hello");
    },
  });
  const app = createApp({ connector: queue.connector, tasks: [task], logger });
  const id = await app.defer(task, args, { queueingLock: "k" });
  await runDueJobs(app, FAST);
  expect(seen?.args).toEqual(args);
  expect(seen?.context.attempt).toBe(1);
  const { deferredAt, ...job } = seen?.context.job ?? {};
  expect(deferredAt).toBeInstanceOf(Date);
  expect(job).toEqual({
    ...{
      id,
      queue: "q",
      taskName: "t",
      priority: 3,
      lock: "l",
      queueingLock: "k",
      args,
      attempts: 0,
      lease: 1,
      rescues: 0,
    },
    scheduledAt: null,
  });
  expect(lines).toContainEqual({ job: { id: String(id), task: "t", attempt: 1 }, extra: 1 });
});
