import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type AnyTask, defineTask, type WorkerOptions } from "../../src/index.ts";
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

/** Runs all jobs and gives why results were not stored. */
async function work(tasks: readonly AnyTask[], options: WorkerOptions = {}): Promise<string[]> {
  const problems: string[] = [];
  const worker = queue.app(tasks).createWorker({ ...FAST, ...options, wait: false });
  worker.on("result_not_stored", ({ problem }) => problems.push(problem));
  await worker.run();
  return problems;
}

async function stored(): Promise<{ status: string; result: string | null; attempts: number }[]> {
  const { rows } = await queue.pool.query(
    "select status::text, result::text, attempts from procrastinate_jobs order by id",
  );
  return rows;
}

const returning = (run: () => unknown) => defineTask({ name: "t", storeResult: true, run });

test.each<[what: string, returned: unknown, json: string | null]>([
  ["an object", { a: [1, "b", null, true] }, '{"a": [1, "b", null, true]}'],
  ["a number", 0, "0"],
  ["null", null, null],
  ["an empty text", "", '""'],
  ["nothing", undefined, null],
  ["what has a toJSON", { at: new Date(0), gone: undefined }, '{"at": "1970-01-01T00:00:00.000Z"}'],
  [
    "texts with NUL and half an emoji",
    { "k\u0000": ["a\u0000b", "\ud83d", "\\u0000"] },
    '{"k\uFFFD": ["a\uFFFDb", "\uFFFD", "\\\\u0000"]}',
  ],
])("the result is stored with the end of the job: %s", async (_what, returned, json) => {
  for (const run of [() => returned, () => Promise.resolve(returned)]) {
    await queue.clear();
    const task = returning(run);
    await queue.app([task]).defer(task);
    expect(await work([task])).toEqual([]);
    expect(await stored()).toEqual([{ status: "succeeded", result: json, attempts: 1 }]);
  }
  const { rows } = await queue.pool.query("select 1 from procrastinate_events");
  expect(rows).toEqual([]);
});

const circular: { self?: unknown } = {};
circular.self = circular;
const deep = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels));

test.each<[what: string, returned: unknown, problem: RegExp]>([
  ["a bigint inside", { id: 1n }, /is no JSON: .*BigInt/],
  ["a circle", circular, /is no JSON: .*circular/],
  ["a function", () => 1, /is of type function/],
  ["more than 1 MiB", "x".repeat(1024 * 1024), /has 1048578 bytes of JSON: 1048576 at most/],
])("a result that cannot be stored is told, and the job has succeeded: %s", async (_what, returned, problem) => {
  const task = returning(() => returned);
  await queue.app([task]).defer(task);
  expect(await work([task])).toEqual([expect.stringMatching(problem)]);
  expect(await stored()).toEqual([{ status: "succeeded", result: null, attempts: 1 }]);
});

test("what only Postgres cannot store costs no other job its result", async () => {
  const task = defineTask({
    name: "t",
    storeResult: true,
    run: ({ n }: { n: number }) => (n === 1 ? deep(9000) : { n }),
  });
  await queue.app([task]).batchDefer(task, [{ n: 0 }, { n: 1 }, { n: 2 }]);
  await work([task], { concurrency: 3 });
  const rows = await stored();
  expect(rows.map(({ status }) => status)).toEqual(Array(3).fill("succeeded"));
  expect([rows[0]?.result, rows[2]?.result]).toEqual(['{"n": 0}', '{"n": 2}']);
});

test("jobs with large results are written in several statements, and those without results beside them", async () => {
  const task = defineTask({
    name: "t",
    storeResult: true,
    run: async ({ n }: { n: number }) => (n % 2 === 0 ? { n, text: "x".repeat(700_000) } : undefined),
  });
  await queue.app([task]).batchDefer(
    task,
    Array.from({ length: 30 }, (_none, n) => ({ n })),
  );
  await work([task], { concurrency: 30 });
  const { rows } = await queue.pool.query(
    "select (result ->> 'n')::int as n, status::text from procrastinate_jobs order by id",
  );
  expect(rows.map(({ n }) => n)).toEqual(Array.from({ length: 30 }, (_none, n) => (n % 2 === 0 ? n : null)));
  expect(rows.every(({ status }) => status === "succeeded")).toBe(true);
  expect(queue.sent.filter((name) => name === "end_jobs").length).toBeGreaterThan(1);
});

test("a task without storeResult stores nothing and sends no other statement; a retry stores the last run's result", async () => {
  const plain = defineTask({ name: "plain", run: () => 1 });
  await queue.app([plain]).defer(plain);
  await work([plain]);
  expect(await stored()).toMatchObject([{ result: null }]);
  expect(queue.sent).not.toContain("end_jobs");
  await queue.clear();
  const again = defineTask({
    name: "again",
    storeResult: true,
    retry: 1,
    middleware: [async (_context, next) => [await next()]],
    run: (_args, { attempt }) => (attempt === 1 ? Promise.reject(new Error()) : attempt),
  });
  await queue.app([again]).defer(again);
  await work([again]);
  expect(await stored()).toEqual([{ status: "succeeded", result: "[2]", attempts: 2 }]);
});

test("with deleteJobs the job is deleted with its result; what complete() stores is not overwritten", async () => {
  const task = returning(() => 5);
  await queue.app([task]).defer(task);
  await work([task], { deleteJobs: "successful" });
  expect(await stored()).toEqual([]);
  const completing = defineTask({
    name: "completing",
    storeResult: true,
    run: async (_args, context) => {
      await queue.transaction((tx) => context.complete(tx, "completed"));
      return "returned";
    },
  });
  await queue.app([completing]).defer(completing);
  await work([completing]);
  expect(await stored()).toMatchObject([{ result: '"completed"' }]);
});
