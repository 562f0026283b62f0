import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { defineTask, retryStrategy } from "../../src/index.ts";
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
  readonly key: string;
  readonly n: number;
}

/** A task that notes when its jobs begin and end. */
function recorder(run: (step: Step) => unknown = () => undefined, retry: number | false = false) {
  const begun: Step[] = [];
  const overlaps: string[] = [];
  const active = new Set<string>();
  const task = defineTask({
    name: "step",
    lock: ({ key }: Step) => key,
    retry,
    run: async (step: Step) => {
      if (active.has(step.key)) overlaps.push(step.key);
      active.add(step.key);
      begun.push(step);
      try {
        await run(step);
      } finally {
        active.delete(step.key);
      }
    },
  });
  const order = (key: string): number[] => begun.filter((step) => step.key === key).map(({ n }) => n);
  return { task, begun, overlaps, order, active };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

test("jobs run by priority, then in the order of deferring, over several queues", async () => {
  const ran: string[] = [];
  const task = defineTask({ name: "t", run: ({ name }: { name: string }) => ran.push(name) });
  const app = queue.app([task]);
  await app.defer(task, { name: "c" }, { queue: "one" });
  await app.defer(task, { name: "d" }, { queue: "two" });
  await app.defer(task, { name: "b" }, { queue: "two", priority: 1 });
  await app.defer(task, { name: "e" }, { queue: "one", priority: -1 });
  await app.defer(task, { name: "a" }, { queue: "one", priority: 2 });
  await app.defer(task, { name: "x" }, { queue: "three", priority: 9 });
  await runDueJobs(app, { ...FAST, queues: ["one", "two"] });
  expect(ran).toEqual(["a", "b", "c", "d", "e"]);
  await runDueJobs(app, FAST);
  expect(ran.at(-1)).toBe("x");
});

test("many short jobs of few locks run in order and never two at once, over three workers", async () => {
  const { task, order, overlaps } = recorder();
  const app = queue.app([task]);
  await app.batchDefer(
    task,
    upTo(1500).map((n) => ({ key: `k${n % 5}`, n })),
  );
  const options = { ...FAST, concurrency: 5, wait: false };
  await Promise.all([1, 2, 3].map(() => app.createWorker(options).run()));
  await runDueJobs(app, FAST);
  expect(overlaps).toEqual([]);
  for (const k of upTo(5)) expect(order(`k${k}`)).toEqual(upTo(300).map((i) => i * 5 + k));
  expect(new Set((await queue.jobs()).map(({ status }) => status))).toEqual(new Set(["succeeded"]));
});

test("jobs of different locks run side by side, those of one lock by priority", async () => {
  const first = gate();
  const { task, begun, active } = recorder(() => first.opened);
  const app = queue.app([task]);
  for (const [key, n, priority] of [
    ["a", 1, 0],
    ["a", 2, 0],
    ["b", 3, 0],
    ["a", 4, 5],
  ] as const) {
    await app.defer(task, { key, n }, { priority });
  }
  await using _worker = startWorker(app, { concurrency: 10 });
  await until(() => active.size === 2);
  first.open();
  await until(() => begun.length === 4);
  expect(begun.filter(({ key }) => key === "a").map(({ n }) => n)).toEqual([4, 1, 2]);
});

test("a member of a lane that is tried again goes back to the head, and its followers do not overtake it", async () => {
  let failures = 0;
  const { task, order } = recorder(({ n }) => {
    if (n === 120 && failures++ === 0) throw new Error("once");
  }, 3);
  const app = queue.app([task]);
  await app.batchDefer(
    task,
    upTo(200).map((n) => ({ key: "k", n })),
  );
  await runDueJobs(app, { ...FAST, concurrency: 4 });
  expect(order("k")).toEqual([...upTo(121), ...upTo(200).slice(120)]);
});

test("a member of a lane that fails for good lets the next one run", async () => {
  const { task, order } = recorder(({ n }) => (n % 3 === 0 ? Promise.reject(new Error()) : undefined));
  const app = queue.app([task]);
  await app.batchDefer(
    task,
    upTo(90).map((n) => ({ key: "k", n })),
  );
  const run = await runDueJobs(app, FAST);
  expect(order("k")).toEqual(upTo(90));
  expect(run.failed).toHaveLength(30);
});

test("a head that waits for its time or for its retry holds the others of its lock back", async () => {
  const { task, begun } = recorder();
  const app = queue.app([
    task,
    defineTask({
      name: "flaky",
      lock: "y",
      retry: retryStrategy({ wait: { hours: 1 } }),
      run: () => Promise.reject(new Error()),
    }),
  ]);
  await app.defer(task, { key: "x", n: 1 }, { scheduleIn: { hours: 1 } });
  await app.defer(task, { key: "x", n: 2 });
  await app.defer(app.getTask("flaky"));
  await app.defer(task, { key: "y", n: 3 });
  await app.defer(task, { key: "z", n: 4 });
  await runDueJobs(app, FAST);
  expect(begun.map(({ n }) => n)).toEqual([4]);
  await queue.pool.query(
    "update procrastinate_jobs set scheduled_at = now(), wake_at = now() where wake_at is not null",
  );
  await runDueJobs(app, FAST);
  expect(begun.map(({ n }) => n).sort()).toEqual([1, 2, 4]);
});

test("a later job of higher priority that waits for its time holds back the head of its lock", async () => {
  const { task, begun } = recorder();
  const app = queue.app([task]);
  const first = await queue.transaction(async (tx) => {
    await app.defer(task, { key: "x", n: 2 }, { tx });
    return app.defer(task, { key: "x", n: 1 }, { tx, priority: 1, scheduleIn: { hours: 1 } });
  });
  await using _one = startWorker(app);
  await using _other = startWorker(app);
  // With one slot a worker claims nothing that it has not looked for in the order of all.
  for (const n of [3, 4]) await app.defer(task, { key: "free", n });
  await until(() => begun.length === 2);
  await app.jobs.reschedule(first, { scheduleIn: {} });
  await until(() => begun.length === 4);
  expect(begun.map(({ n }) => n)).toEqual([3, 4, 1, 2]);
});

test("a later job of the same priority that waits for its time holds back nobody", async () => {
  const { task, begun } = recorder();
  const app = queue.app([task]);
  await queue.transaction(async (tx) => {
    await app.defer(task, { key: "x", n: 1 }, { tx });
    await app.defer(task, { key: "x", n: 2 }, { tx, scheduleIn: { hours: 1 } });
  });
  await using _one = startWorker(app);
  await using _other = startWorker(app);
  await until(async () => (await queue.jobs())[0]?.status === "succeeded");
  expect(begun.map(({ n }) => n)).toEqual([1]);
  expect((await queue.jobs())[1]).toMatchObject({ status: "todo", ready: false });
});

test("jobs behind thousands that cannot run are reached", async () => {
  const held = gate();
  const { task, begun } = recorder(({ n }) => (n === 0 ? held.opened : undefined));
  const free = defineTask({ name: "free", run: () => held.open() });
  const app = queue.app([task, free]);
  await app.batchDefer(
    task,
    upTo(5000).map((n) => ({ key: "one", n })),
  );
  await app.defer(free);
  await using worker = startWorker(app, { concurrency: 2, wait: false });
  await worker.done;
  expect(begun.map(({ n }) => n)).toEqual(upTo(5000));
});

test("a long job with a lock neither holds free slots back nor keeps its followers to itself", async () => {
  const held = gate();
  const { task, begun } = recorder(({ n }) => (n === 1 ? held.opened : undefined));
  const app = queue.app([task, defineTask({ name: "free", run: () => 1 })]);
  await using _worker = startWorker(app, { concurrency: 10 });
  // Short jobs first, so that the head of a lock takes followers along.
  await app.batchDefer(
    task,
    upTo(20).map((n) => ({ key: "warm", n: 100 + n })),
  );
  await until(() => begun.length === 20);
  await app.batchDefer(
    task,
    [1, 2, 3].map((n) => ({ key: "a", n })),
  );
  await until(() => begun.length === 21);
  await app.defer(app.getTask("free"));
  await until(async () => (await queue.jobs()).some(({ task, status }) => task === "free" && status === "succeeded"));
  await until(async () => (await queue.jobs()).filter(({ status }) => status === "doing").length === 1);
  await app.defer(task, { key: "a", n: 4 }, { priority: 1 });
  held.open();
  await until(() => begun.length === 24);
  expect(begun.slice(20).map(({ n }) => n)).toEqual([1, 4, 2, 3]);
});

test("rows that were inserted by hand run in order, too", async () => {
  const { task, order } = recorder();
  const app = queue.app([task]);
  await queue.pool.query(`insert into procrastinate_jobs (task_name, lock, args)
    select 'step', 'hand', jsonb_build_object('key', 'hand', 'n', n) from generate_series(0, 49) n`);
  await runDueJobs(app, { ...FAST, concurrency: 5 });
  expect(order("hand")).toEqual(upTo(50));
});

test("a scheduled job starts at its time, although the worker sleeps for much longer", async () => {
  const started: number[] = [];
  const task = defineTask({ name: "t", run: () => started.push(Date.now()) });
  const app = queue.app([task]);
  await using worker = startWorker(app, { pollingInterval: { seconds: 60 } });
  await new Promise<void>((resolve) => worker.worker.on("idle", () => resolve()));
  const at = Date.now() + 400;
  await app.defer(task, {}, { scheduleAt: new Date(at) });
  await until(() => started.length === 1);
  // Never early; the bound is far above what is usual and far below the next poll.
  expect(started[0]).toBeGreaterThanOrEqual(at - 2);
  expect(started[0]).toBeLessThan(at + 1500);
});

test.each([
  ["all of them", undefined],
  ["one in two of them", upTo(100).map((n) => `q${n * 2}`)],
])("jobs in 200 queues are reached by a worker for %s", async (_which, queues) => {
  const ran = new Set<string>();
  const task = defineTask({ name: "t", run: (_args, { job }) => ran.add(job.queue) });
  const app = queue.app([task]);
  await Promise.all(upTo(200).map((n) => app.defer(task, {}, { queue: `q${n}` })));
  await runDueJobs(app, { ...FAST, concurrency: 5, ...(queues && { queues }) });
  expect([...ran].sort()).toEqual([...(queues ?? upTo(200).map((n) => `q${n}`))].sort());
});

test("a queue that is new gets its jobs run by a worker for all queues", async () => {
  const ran: string[] = [];
  const task = defineTask({ name: "t", run: ({ name }: { name: string }) => ran.push(name) });
  const app = queue.app([task]);
  await using _worker = startWorker(app, { pollingInterval: { seconds: 60 } });
  for (const name of ["first", "second", 'third "quoted" \\ {queue}']) {
    await app.defer(task, { name }, { queue: name });
    await until(() => ran.includes(name));
  }
});
