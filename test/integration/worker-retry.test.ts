import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { defineTask, type RetryFailure, type RetryOption, retryStrategy } from "../../src/index.ts";
import { runDueJobs } from "../../src/testing/index.ts";
import { startClockedWorker } from "../support/clocked-worker.ts";
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

class Refused extends Error {}

/** Defers one job that fails each time, and runs it until its next run lies in the future. */
async function fail(retry: RetryOption, error: unknown = new Error("as told")) {
  const task = defineTask({ name: "t", retry, run: () => Promise.reject(error) });
  const app = queue.app([task]);
  const id = await app.defer(task);
  await runDueJobs(app, FAST);
  return { app, id };
}

/** The delay of the last retry: the time until the job is due, counted from the moment of its event. */
async function lastDelayMs(): Promise<number> {
  const { rows } = await queue.pool.query(`
    select extract(epoch from j.scheduled_at - e.at)::float8 * 1000 as delay from procrastinate_jobs j
    join procrastinate_events e on e.job_id = j.id where e.type = 'deferred_for_retry' order by e.id desc limit 1`);
  return Math.round(rows[0].delay);
}

const makeDue = () =>
  queue.pool.query("update procrastinate_jobs set scheduled_at = now(), wake_at = now() where wake_at is not null");

test.each([
  ["the same wait each time", retryStrategy({ wait: { seconds: 3 } }), [3000, 3000, 3000, 3000]],
  ["linear waits", retryStrategy({ linearWait: { seconds: 5 } }), [0, 5000, 10_000, 15_000]],
  ["exponential waits", retryStrategy({ exponentialWait: 5 }), [5000, 25_000, 125_000, 625_000]],
  [
    "their sum, bounded",
    retryStrategy({ wait: { seconds: 1 }, linearWait: { seconds: 2 }, exponentialWait: 3, maxWait: { seconds: 20 } }),
    [4000, 12_000, 20_000, 20_000],
  ],
])("a strategy with %s plans each next run accordingly", async (_what, retry, delays) => {
  const { app } = await fail(retry);
  const measured: number[] = [];
  for (let n = 0; n < 6 && measured.length < delays.length; n++) {
    const [job] = await queue.jobs();
    const { rows } = await queue.pool.query("select count(*)::int as n from procrastinate_events");
    // A retry without a delay ran at once, in the same round.
    while (measured.length < rows[0].n - 1) measured.push(0);
    measured.push(await lastDelayMs());
    expect(job).toMatchObject({ status: "todo", attempts: measured.length });
    await makeDue();
    await runDueJobs(app, FAST);
  }
  expect(measured).toEqual(delays);
});

test.each([
  ["never", false, 1],
  ["0 times", 0, 1],
  ["once", 1, 2],
  ["four times", retryStrategy({ maxAttempts: 4 }), 5],
] as const)("a task that is retried %s runs as often, and each run counts", async (_times, retry, runs) => {
  await fail(retry);
  expect((await queue.jobs())[0]).toMatchObject({ status: "failed", attempts: runs });
  const { rows } = await queue.pool.query(
    "select type::text, (detail->>'attempt')::int as attempt from procrastinate_events order by id",
  );
  expect(rows).toEqual(
    Array.from({ length: runs }, (_, n) => ({
      type: n === runs - 1 ? "failed" : "deferred_for_retry",
      attempt: n + 1,
    })),
  );
});

test.each([true, false])(
  "a retry without a delay begins at once on a worker that sleeps beside a free slot, without a poll (listens: %s)",
  async (listen) => {
    let sleeps = (): void => undefined;
    let runs = 0;
    const task = defineTask({
      name: "t",
      retry: 3,
      run: async () => {
        await new Promise<void>((resolve) => {
          sleeps = resolve;
        });
        runs++;
        if (runs < 4) throw new Error("again");
      },
    });
    await queue.app([task]).defer(task);
    await using started = startClockedWorker(queue, [task], { concurrency: 2, listen });
    started.worker.on("idle", () => sleeps());
    await until(async () => (await queue.jobs())[0]?.status === "succeeded");
    expect((await queue.jobs())[0]?.attempts).toBe(4);
  },
);

test("a task that is retried for ever succeeds at last, and all its runs count", async () => {
  let runs = 0;
  const task = defineTask({
    name: "t",
    retry: true,
    run: () => {
      runs++;
      if (runs <= 5) throw new Error("again");
    },
  });
  const app = queue.app([task]);
  await app.defer(task);
  await runDueJobs(app, FAST);
  expect((await queue.jobs())[0]).toMatchObject({ status: "succeeded", attempts: 6 });
});

test("errors that the strategy does not name fail the job at once", async () => {
  const retry = retryStrategy({ retryOn: [Refused, (error) => error === "again"], maxAttempts: 1 });
  await fail(retry, new TypeError("other"));
  await fail(retry, new Refused("named"));
  await fail(retry, "again");
  expect((await queue.jobs()).map(({ attempts }) => attempts)).toEqual([1, 2, 2]);
});

test("a strategy of one's own gets the error, the job as it was claimed, and randomness", async () => {
  const asked: RetryFailure[] = [];
  const error = new Error("mine");
  const { id } = await fail(
    {
      decide(failure) {
        asked.push(failure);
        return asked.length < 3 ? {} : undefined;
      },
    },
    error,
  );
  expect(asked.map(({ job }) => [job.id, job.attempts, job.lease])).toEqual([
    [id, 0, 1],
    [id, 1, 2],
    [id, 2, 3],
  ]);
  for (const failure of asked) {
    expect(failure.error).toBe(error);
    expect(failure.random()).toBeGreaterThanOrEqual(0);
    expect(failure.random()).toBeLessThan(1);
  }
});

test.each([
  ["is asynchronous, against its type,", () => Promise.resolve(undefined)],
  ["has an option that does not exist", () => ({ retryAfter: { seconds: 5 } })],
  ["asks for a negative delay", () => ({ retryIn: { seconds: -1 } })],
  ["asks for an empty queue", () => ({ queue: "" })],
  ["asks for a lock that Postgres cannot store", () => ({ lock: "\u0000" })],
  ["asks for a broken priority", () => ({ priority: 0.5 })],
])("a strategy that %s fails the job, and does no harm to others", async (_what, decide) => {
  const good = defineTask({ name: "good", run: () => 1 });
  const bad = defineTask({
    name: "bad",
    retry: { decide: decide as never },
    run: () => Promise.reject(new Error("run")),
  });
  const app = queue.app([good, bad]);
  await app.defer(bad);
  await app.defer(good);
  await using _worker = startWorker(app);
  await until(async () => (await queue.jobs()).every(({ status }) => status === "failed" || status === "succeeded"), {
    timeoutMs: 3000,
  });
  expect((await queue.jobs()).map(({ status, attempts }) => [status, attempts])).toEqual([
    ["failed", 1],
    ["succeeded", 1],
  ]);
});

test("a delay of many centuries is cut to one that Postgres can hold", async () => {
  await fail({ decide: () => ({ retryIn: { weeks: 1e9 } }) });
  const [job] = await queue.jobs();
  expect(job?.status).toBe("todo");
  expect(job?.scheduledAt?.getUTCFullYear()).toBeGreaterThan(new Date().getUTCFullYear() + 90);
  expect(job?.scheduledAt?.getUTCFullYear()).toBeLessThan(new Date().getUTCFullYear() + 110);
});

test("what a retry changes is what the next run sees", async () => {
  const seen: unknown[] = [];
  const task = defineTask({
    name: "t",
    lock: "before",
    retry: {
      decide: ({ job }) => (job.attempts === 0 ? { queue: "other", priority: -3, lock: "after" } : { lock: null }),
    },
    run: (_args, { job, attempt }) => {
      seen.push([attempt, job.queue, job.priority, job.lock]);
      if (attempt < 3) throw new Error("again");
    },
  });
  const app = queue.app([task]);
  await app.defer(task);
  await runDueJobs(app, FAST);
  expect(seen).toEqual([
    [1, "default", 0, "before"],
    [2, "other", -3, "after"],
    [3, "other", -3, null],
  ]);
});

test("a retry with a new lock needs nobody to let it run: it waits in line as any new job does", async () => {
  const order: string[] = [];
  const holding = gate();
  const begun = gate();
  const moved = defineTask({
    name: "moved",
    retry: { decide: () => ({ lock: "l" }) },
    run: (_args, { attempt, job }) => {
      order.push(`moved ${attempt} ${job.lock} after ${queue.sent.filter((name) => name === "promote_locks").length}`);
      if (attempt === 1) throw new Error("again");
    },
  });
  const holder = defineTask({
    name: "holder",
    run: async () => {
      begun.open();
      await holding.opened;
      order.push("holder");
    },
  });
  const app = queue.app([moved, holder]);
  await app.defer(moved);
  await runDueJobs(app, FAST);
  expect(order).toEqual(["moved 1 null after 0", "moved 2 l after 0"]);
  // While somebody else has the lock.
  order.length = 0;
  await app.defer(holder, {}, { lock: "l" });
  await using _worker = startWorker(app, { concurrency: 2 });
  await begun.opened;
  const id = await app.defer(moved);
  await until(async () => (await queue.jobs()).some((job) => job.id === id && job.attempts === 1 && !job.ready));
  holding.open();
  await until(() => order.length === 3);
  expect(order).toEqual([expect.stringContaining("moved 1 null"), "holder", expect.stringContaining("moved 2 l")]);
});

test("a retry at a moment waits until then; one in the past runs at once, and an impossible year is cut", async () => {
  const later = new Date("2040-01-02T03:04:05.678Z");
  await fail({ decide: () => ({ retryAt: later }) });
  await fail({ decide: () => ({ retryAt: new Date(8.64e15) }) });
  expect(await queue.jobs()).toMatchObject([
    { status: "todo", attempts: 1, scheduledAt: later, wakeAt: later, ready: false },
    { status: "todo" },
  ]);
  expect((await queue.jobs())[1]?.scheduledAt?.getUTCFullYear()).toBe(9999);
  await fail({ decide: ({ job }) => (job.attempts < 2 ? { retryAt: new Date(0) } : undefined) });
  expect((await queue.jobs())[2]).toMatchObject({ status: "failed", attempts: 3 });
});
