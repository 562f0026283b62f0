import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type AnyTask, defineTask, JobAbortedError, type JobContext, type RetryDecision } from "../../src/index.ts";
import { runDueJobs } from "../../src/testing/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { FAST, gate, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue({ max: 20 });
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

interface Step {
  readonly n: number;
}
/** No poll finds a job in time: what runs was handed over. */
const SLEEPY = { pollingInterval: { seconds: 60 } };
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const steps = (count: number): Step[] => upTo(count).map((n) => ({ n }));

/** A task under the lock "l" that notes the order of its runs, and whether two were ever at once. */
function recorder(
  run: (n: number, context: JobContext) => unknown = () => undefined,
  decide: (n: number) => RetryDecision | undefined = () => undefined,
) {
  const order: number[] = [];
  const seen = { active: 0, overlaps: 0 };
  const task = defineTask({
    name: "step",
    lock: "l",
    retry: { decide: ({ job }) => decide(job.args["n"] as number) },
    run: async ({ n }: Step, context) => {
      if (++seen.active > 1) seen.overlaps++;
      order.push(n);
      try {
        await run(n, context);
      } finally {
        seen.active--;
      }
    },
  });
  return { order, seen, task };
}

const app = (...tasks: AnyTask[]) => queue.app(tasks);

test("a lane runs by priority, whatever the order of deferring", async () => {
  const { order, task } = recorder();
  const jobs = upTo(200).map((n) => ({ n, priority: (n * 7919) % 5 }));
  const deferrer = app(task);
  for (const { n, priority } of jobs) await deferrer.defer(task, { n }, { priority });
  await runDueJobs(deferrer, { ...FAST, concurrency: 4 });
  expect(order).toEqual(jobs.toSorted((a, b) => b.priority - a.priority || a.n - b.n).map(({ n }) => n));
});

test("a lock whose jobs lie in two queues is handed from worker to worker, in order, without a poll", async () => {
  const { order, seen, task } = recorder();
  const deferrer = app(task);
  await using _one = startWorker(deferrer, { ...SLEEPY, queues: ["q0"], concurrency: 3 });
  await using _two = startWorker(deferrer, { ...SLEEPY, queues: ["q1"], concurrency: 3 });
  await queue.transaction(async (tx) => {
    for (const n of upTo(60)) await deferrer.defer(task, { n }, { tx, queue: `q${(n >> 1) % 2}` });
  });
  await until(() => order.length === 60);
  expect(order).toEqual(upTo(60));
  expect(seen.overlaps).toBe(0);
});

test("a head in a queue that nobody works on holds the others of its lock back", async () => {
  const { order, task } = recorder();
  const deferrer = app(task);
  await deferrer.defer(task, { n: 0 }, { queue: "nobody's" });
  await deferrer.batchDefer(task, steps(5));
  const run = await runDueJobs(deferrer, { ...FAST, queues: ["default"], concurrency: 3 });
  expect(run.succeeded).toEqual([]);
  await runDueJobs(deferrer, FAST);
  expect(order).toEqual([0, 0, 1, 2, 3, 4]);
});

test("a member that is not due yet ends the lane, and those behind it wait for it", async () => {
  const { order, task } = recorder();
  const deferrer = app(task);
  const due = Date.now() + 700;
  await deferrer.batchDefer(task, steps(50));
  await deferrer.defer(task, { n: 50 }, { scheduleAt: new Date(due) });
  await deferrer.batchDefer(task, [{ n: 51 }, { n: 52 }]);
  await using _worker = startWorker(deferrer, { ...SLEEPY, concurrency: 3 });
  await until(() => order.length === 50);
  expect(Date.now(), "the machine is too slow for this test").toBeLessThan(due);
  await until(() => order.length === 53);
  expect(Date.now()).toBeGreaterThanOrEqual(due);
  expect(order).toEqual(upTo(53));
});

test("each way in which a member can end lets the next one run", async () => {
  const complete = (context: JobContext) => queue.transaction((tx) => context.complete(tx));
  const { order, task } = recorder(async (n, context) => {
    if (n % 5 === 1) throw new Error("failed");
    if (n % 5 === 2) await complete(context);
    if (n % 5 === 3) await complete(context).then(() => Promise.reject(new Error("late")));
    if (n % 5 === 4) throw new JobAbortedError();
  });
  const other = defineTask({ name: "other", lock: "l", run: () => order.push(-1) });
  const deferrer = app(task, other);
  await deferrer.batchDefer(task, steps(25));
  await deferrer.defer(other);
  await deferrer.deferByName("unknown", {}, { lock: "l", allowUnknown: true });
  await deferrer.defer(other);
  await using _worker = startWorker(deferrer, { ...SLEEPY, concurrency: 2 });
  await until(() => order.length === 27);
  expect(order).toEqual([...upTo(25), -1, -1]);
  await until(async () => (await queue.jobs()).every(({ status }) => status !== "doing"));
  const ends = ["succeeded", "failed", "succeeded", "succeeded", "aborted"];
  const others = ["succeeded", "failed", "succeeded"];
  expect((await queue.jobs()).map(({ status }) => status)).toEqual([...upTo(25).map((n) => ends[n % 5]), ...others]);
});

test("a member that is tried again and again, at once, holds its place", async () => {
  let failures = 0;
  const { order, seen, task } = recorder(
    (n) => (n % 30 === 29 && failures++ % 4 !== 3 ? Promise.reject(new Error("again")) : undefined),
    () => ({}),
  );
  const deferrer = app(task);
  await deferrer.batchDefer(task, steps(90));
  await Promise.all([1, 2].map(() => deferrer.createWorker({ ...FAST, concurrency: 3, wait: false }).run()));
  await runDueJobs(deferrer, FAST);
  expect(order).toEqual(upTo(90).flatMap((n) => (n % 30 === 29 ? [n, n, n, n] : [n])));
  expect(seen.overlaps).toBe(0);
});

test.each([
  ["another lock", "elsewhere"],
  ["no lock", null],
])("a retry that moves a job to %s for an hour lets the next one of its lock run", async (_to, lock) => {
  const { order, task } = recorder(
    (n) => (n === 20 ? Promise.reject(new Error("later")) : undefined),
    () => ({ retryIn: { hours: 1 }, lock }),
  );
  const deferrer = app(task);
  await deferrer.batchDefer(task, steps(40));
  await runDueJobs(deferrer, { ...FAST, concurrency: 3 });
  expect(order).toEqual(upTo(40));
  expect((await queue.jobs()).filter(({ status }) => status === "todo")).toMatchObject([{ lock, attempts: 1 }]);
});

test("a retry that takes a busy lock waits for it", async () => {
  const held = gate();
  const order: string[] = [];
  const moving = defineTask({
    name: "moving",
    retry: { decide: () => ({ lock: "busy" }) },
    run: (_args, { attempt }) => {
      order.push(`moving ${attempt}`);
      if (attempt === 1) throw new Error("to the other lock");
    },
  });
  const holding = defineTask({ name: "holding", lock: "busy", run: () => held.opened.then(() => order.push("held")) });
  const deferrer = app(moving, holding);
  await deferrer.defer(holding);
  await using _worker = startWorker(deferrer, { ...SLEEPY, concurrency: 3 });
  await until(async () => (await queue.jobs())[0]?.status === "doing");
  await deferrer.defer(moving);
  await until(async () => (await queue.jobs())[1]?.attempts === 1);
  held.open();
  await until(() => order.length === 3);
  expect(order).toEqual(["moving 1", "held", "moving 2"]);
});

test("a lane beside many single jobs takes no more than its share of the slots", async () => {
  const held = gate();
  const begun: number[] = [];
  const { order, task } = recorder((n) => (n === 30 ? held.opened : undefined));
  const single = defineTask({ name: "single", run: ({ n }: Step) => begun.push(n) });
  const deferrer = app(task, single);
  await deferrer.batchDefer(task, steps(60));
  await deferrer.batchDefer(single, steps(300));
  await using _worker = startWorker(deferrer, { ...SLEEPY, concurrency: 2 });
  await until(() => begun.length === 300 && order.length === 31);
  held.open();
  await until(() => order.length === 60);
  expect(order).toEqual(upTo(60));
});
