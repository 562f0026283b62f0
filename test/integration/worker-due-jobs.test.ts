import { setTimeout as sleep } from "node:timers/promises";
import type { PoolClient } from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Connector } from "../../src/connector.ts";
import { defineTask, retryStrategy, type WorkerOptions } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { gate, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

/** Notes for each job whether a fetch, of whatever form, claimed it, or the look for what is due. */
function watch() {
  const claims = new Map<string, "fetch" | "wake">();
  const connector: Connector<PoolClient> = {
    ...queue.connector,
    pool: {
      async query(statement, values) {
        const rows = await queue.connector.pool.query<never>(statement, values);
        const [row] = rows as readonly { jobs?: unknown }[];
        const by = /^(fetch|wake)_/.exec(statement.name)?.[1] as "fetch" | "wake" | undefined;
        if (!by || typeof row?.jobs !== "string") return rows;
        const ids = (JSON.parse(row.jobs) as { id: string }).id.slice(1, -1).split(",");
        for (const id of ids) claims.set(id, by);
        return rows;
      },
    },
  };
  return { connector, claims };
}

const untilIdle = () =>
  until(async () => (await queue.pool.query("select from procrastinate_workers where idle")).rowCount === 1);

test("what becomes due on a worker that waits is claimed by the statement that finds it, also what is tried again", async () => {
  const { connector, claims } = watch();
  const task = defineTask<{ n: number }>({
    name: "t",
    retry: retryStrategy({ maxAttempts: 1, wait: { milliseconds: 60 } }),
    run: ({ n }, { job }) => {
      if (n === 3 && job.attempts === 0) throw new Error("as told");
      ran.push(n);
    },
  });
  const ran: number[] = [];
  const app = queue.app([task], { connector });
  await using started = startWorker(app, { concurrency: 10 });
  let fetched = 0;
  started.worker.on("jobs_fetched", ({ count }) => {
    fetched += count;
  });
  await untilIdle();
  const jobs = [1, 2, 3, 4].map((n) => ({ n }));
  await app.batchDefer(task, jobs, { scheduleIn: { milliseconds: 100 } });
  await until(() => ran.length === 4);
  expect(ran).toEqual([1, 2, 4, 3]);
  expect([...claims.values()]).toEqual(Array(4).fill("wake"));
  expect(fetched).toBe(5);
});

test.each([
  [2, ["wake", "fetch", "fetch"]],
  [1, ["fetch", "fetch", "fetch"]],
])(
  "what becomes due at once runs by priority, with %i slots, of which a fetch says who takes the last",
  async (concurrency, by) => {
    const { connector, claims } = watch();
    const ran: string[] = [];
    const task = defineTask<{ name: string }>({ name: "t", run: ({ name }) => void ran.push(name) });
    const app = queue.app([task], { connector });
    await using _worker = startWorker(app, { concurrency });
    await untilIdle();
    const scheduleAt = new Date(Date.now() + 300);
    const names = ["low", "middle", "high"];
    await Promise.all(names.map((name, priority) => app.defer(task, { name }, { scheduleAt, priority })));
    await until(() => ran.length === 3);
    expect(ran).toEqual(["high", "middle", "low"]);
    expect([...claims.values()]).toEqual(by);
  },
);

test("where all slots are taken, a job that becomes due goes where its priority says", async () => {
  const held = gate();
  const ran: string[] = [];
  const task = defineTask<{ name: string }>({
    name: "t",
    run: async ({ name }) => {
      ran.push(name);
      if (name === "first") await held.opened;
    },
  });
  const app = queue.app([task]);
  await app.defer(task, { name: "first" });
  await using _worker = startWorker(app, { concurrency: 1 });
  await until(() => ran.length === 1);
  await app.defer(task, { name: "low and due" }, { scheduleIn: { milliseconds: 50 } });
  for (const name of ["high 1", "high 2"]) await app.defer(task, { name }, { priority: 1 });
  const due = "select from procrastinate_jobs where status = 'todo' and scheduled_at <= now()";
  await until(async () => (await queue.pool.query(due)).rowCount === 1);
  held.open();
  await until(() => ran.length === 4);
  expect(ran).toEqual(["first", "high 1", "high 2", "low and due"]);
});

test("what becomes due in a queue that is paused, or of others, waits for its worker", async () => {
  const ran: string[] = [];
  const task = defineTask({ name: "t", run: (_args, { job }) => void ran.push(job.queue) });
  const app = queue.app([task]);
  await app.queues.pause("paused");
  await using _worker = startWorker(app, { queues: ["a", "paused"] });
  await untilIdle();
  for (const name of ["paused", "other", "a"])
    await app.defer(task, {}, { queue: name, scheduleIn: { milliseconds: 50 } });
  await until(async () => (await queue.jobs()).every(({ ready, status }) => ready || status === "succeeded"));
  await until(() => ran.length > 0);
  expect(ran).toEqual(["a"]);
  await app.queues.resume("paused");
  await until(() => ran.length === 2);
  expect(ran).toEqual(["a", "paused"]);
});

/** Adds a queue where each run takes so long, with the times at which they began after they were due. */
function timed(ms: number) {
  const lateMs: number[] = [];
  const task = defineTask({
    name: "t",
    run: async (_args: object, { job }) => {
      lateMs.push(Date.now() - (job.scheduledAt?.getTime() ?? Number.NaN));
      await sleep(ms);
    },
  });
  return { task, lateMs };
}

/** Workers that have been idle for so long that they look only every few seconds. */
const SLEEPY: WorkerOptions = { pollingInterval: { seconds: 60 } };
async function untilAsleep(): Promise<void> {
  await until(async () => (await queue.pool.query("select from procrastinate_workers where idle")).rowCount === 2);
  // The first polls are 10, 20, 40, 80, 160, 320, 640 ms apart.
  await sleep(1_300);
}

test("what another worker makes ready that it cannot run itself starts on time: another queue, or no free slot", async () => {
  const quick = timed(0);
  const app = queue.app([quick.task]);
  {
    await using _a = startWorker(app, { ...SLEEPY, concurrency: 10, queues: ["a"] });
    await using _b = startWorker(app, { ...SLEEPY, concurrency: 10, queues: ["b"] });
    await untilAsleep();
    for (let n = 1; n <= 8; n++) {
      await app.defer(quick.task, {}, { queue: "a", scheduleIn: { milliseconds: 60 } });
      await until(() => quick.lateMs.length === n);
    }
  }
  const long = timed(1_500);
  const single = queue.app([long.task]);
  await using _one = startWorker(single, { ...SLEEPY, concurrency: 1 });
  await using _two = startWorker(single, { ...SLEEPY, concurrency: 1 });
  await untilAsleep();
  const scheduleAt = new Date(Date.now() + 200);
  await Promise.all([1, 2].map(() => single.defer(long.task, {}, { scheduleAt })));
  await until(() => long.lateMs.length === 2);
  // As long as the job before it, or the poll, otherwise.
  expect(Math.max(...quick.lateMs, ...long.lateMs)).toBeLessThan(1_000);
});

test("a due job whose row is locked while another one is claimed starts soon after it is free", async () => {
  const { task, lateMs } = timed(0);
  const app = queue.app([task]);
  await using _worker = startWorker(app, { ...SLEEPY, concurrency: 10 });
  await untilIdle();
  await sleep(1_300);
  const scheduleAt = new Date(Date.now() + 1_000);
  await Promise.all([1, 2].map(() => app.defer(task, {}, { scheduleAt })));
  const holder = await queue.pool.connect();
  await holder.query("begin");
  await holder.query("select from procrastinate_jobs order by id limit 1 for update");
  await until(() => lateMs.length === 1);
  await holder.query("rollback");
  holder.release();
  const freeAt = Date.now();
  await until(() => lateMs.length === 2);
  expect(Date.now() - freeAt).toBeLessThan(1_000);
});

const quick = defineTask({ name: "quick", run: () => undefined });

/** Enough quick jobs that a worker fetches ahead for some time. */
async function runMany(app: ReturnType<typeof queue.app>): Promise<void> {
  await app.batchDefer(quick, Array(3_000).fill({}));
  await until(async () => (await queue.jobs()).every(({ status }) => status === "succeeded"));
}

test("a worker that nobody tells of what is deferred claims no due job before it has looked what else there is", async () => {
  const { connector, claims } = watch();
  const { task, lateMs } = timed(0);
  const app = queue.app([task, quick], { connector });
  await using _worker = startWorker(app, { listen: false, pollingInterval: { milliseconds: 30 }, concurrency: 10 });
  await runMany(app);
  claims.clear();
  for (let n = 1; n <= 5; n++) {
    await app.defer(task, {}, { scheduleIn: { milliseconds: 40 } });
    await until(() => lateMs.length === n);
  }
  expect([...claims.values()]).toEqual(Array(5).fill("fetch"));
});

test("the only slot is left to a fetch, also after many quick jobs", async () => {
  const { connector, claims } = watch();
  const { task, lateMs } = timed(0);
  const app = queue.app([task, quick], { connector });
  await using _worker = startWorker(app, { ...SLEEPY, concurrency: 1 });
  await runMany(app);
  await untilIdle();
  claims.clear();
  await app.defer(task, {}, { scheduleIn: { milliseconds: 100 } });
  await until(() => lateMs.length === 1);
  expect([...claims.values()]).toEqual(["fetch"]);
});

test("what was deferred before a worker said that it is idle is looked for before due jobs are claimed", async () => {
  const { connector, claims } = watch();
  const { task, lateMs } = timed(0);
  const held = gate();
  const filling = defineTask({ name: "filling", run: () => held.opened });
  // For so long that the worker knows: its timer is as late as the answer was that set it.
  const wasDue = "now() - interval '500 milliseconds'";
  const isDue = `select from procrastinate_jobs where task_name = 't' and (status <> 'todo' or scheduled_at <= ${wasDue})`;
  let isHolding = false;
  const holding: Connector<PoolClient> = {
    ...connector,
    pool: {
      async query(statement, values) {
        // Whether the worker is idle is its last value.
        if (isHolding && statement.name === "beat_worker" && values.at(-1) === true)
          await until(async () => (await queue.pool.query(isDue)).rowCount === 1);
        return connector.pool.query(statement, values);
      },
    },
  };
  const app = queue.app([task, filling], { connector: holding });
  await using _worker = startWorker(app, {
    ...SLEEPY,
    heartbeatInterval: { minutes: 1 },
    stalledAfter: { minutes: 5 },
    concurrency: 2,
  });
  await untilIdle();
  isHolding = true;
  await app.batchDefer(filling, Array(2).fill({}));
  await until(async () => (await queue.pool.query("select from procrastinate_workers where not idle")).rowCount === 1);
  const [id] = await app.batchDefer(task, [{}], { scheduleIn: { milliseconds: 500 } });
  held.open();
  await until(() => lateMs.length === 1);
  expect(claims.get(String(id))).toBe("fetch");
});

test("while jobs become due one after the other, there is no fetch between two looks that claim all, for 20 ms", async () => {
  const { task, lateMs } = timed(0);
  const steps: { isFetch: boolean; at: number; found: boolean; woke: boolean }[] = [];
  const watched: Connector<PoolClient> = {
    ...queue.connector,
    pool: {
      async query(statement, values) {
        const at = performance.now();
        const rows = await queue.connector.pool.query<never>(statement, values);
        const [row] = rows as readonly { jobs?: unknown; woken?: number }[];
        const isFetch = statement.name.startsWith("fetch_");
        if (isFetch || statement.name === "wake_jobs")
          steps.push({ isFetch, at, found: typeof row?.jobs === "string", woke: (row?.woken ?? 0) > 0 });
        return rows;
      },
    },
  };
  const app = queue.app([task], { connector: watched });
  await using _worker = startWorker(app, { ...SLEEPY, concurrency: 10 });
  await untilIdle();
  const from = Date.now() + 600;
  await Promise.all(Array.from({ length: 150 }, (_, n) => app.defer(task, {}, { scheduleAt: new Date(from + 8 * n) })));
  await until(() => lateMs.length === 150);
  const early = steps.filter((step, at) => {
    const [before, look] = [steps.slice(0, at).findLast(({ isFetch }) => isFetch), steps[at - 1]];
    if (!step.isFetch || !before || before.found || !look || look.isFetch) return false;
    const looks = steps.slice(steps.indexOf(before) + 1, at);
    // Timers may be a millisecond early.
    return step.at - before.at < 19 && looks.every(({ found, woke }) => found && !woke);
  });
  expect(steps.filter(({ isFetch, found }) => !isFetch && found).length).toBeGreaterThan(0);
  expect(early).toEqual([]);
});

test("while jobs are fetched ahead, due jobs that the last fetch would have claimed are claimed at once", async () => {
  const { connector, claims } = watch();
  let ran = 0;
  const task = defineTask({ name: "t", run: () => void ran++ });
  const app = queue.app([task], { connector });
  const many = Array.from({ length: 60_000 }, () => ({}));
  const first = await app.batchDefer(task, many.slice(0, 200), { scheduleIn: { minutes: 10 } });
  await app.batchDefer(task, many);
  await using _worker = startWorker(app, { concurrency: 10 });
  await until(() => ran > 5_000);
  const at = `now() + (id - ${first[0]}) * interval '1 millisecond'`;
  await queue.pool.query(
    `update procrastinate_jobs set scheduled_at = ${at}, wake_at = ${at} where not ready and wake_at > now()`,
  );
  await until(() => first.every((id) => claims.has(String(id))), { timeoutMs: 20_000 });
  // Otherwise nothing would be before them.
  expect(ran).toBeLessThan(60_000);
  // Those for which there is no room, or where the last fetch is some time ago, are made ready.
  expect(first.map((id) => claims.get(String(id)))).toContain("wake");
  await until(() => ran === 60_200, { timeoutMs: 20_000 });
});

test("a job of higher priority does not wait for due jobs that come as fast as they run", async () => {
  const ran: number[] = [];
  const task = defineTask({
    name: "t",
    run: async ({ n }: { n: number }) => {
      ran.push(n);
      await new Promise((resolve) => setTimeout(resolve, 2));
    },
  });
  const app = queue.app([task]);
  const DUE = 10_000;
  const args = Array.from({ length: DUE }, (_, n) => ({ n }));
  const [first] = await app.batchDefer(task, args, { scheduleIn: { minutes: 10 } });
  await using _worker = startWorker(app, { concurrency: 4 });
  // Short jobs that come after all of those: some are fetched ahead, and the fetches are not full.
  for (let n = 0; n < 20; n++) await app.batchDefer(task, Array(20).fill({ n: DUE }));
  await until(() => ran.length >= 200);
  const spread = `now() + (id - ${first}) * interval '0.3 milliseconds'`;
  await queue.pool.query(
    `update procrastinate_jobs set scheduled_at = ${spread}, wake_at = ${spread} where not ready and wake_at > now()`,
  );
  await until(() => ran.filter((n) => n < DUE).length > 300);
  const before = ran.length;
  await app.defer(task, { n: -1 }, { priority: 10 });
  await until(() => ran.includes(-1), { timeoutMs: 20_000 });
  expect(ran.indexOf(-1) - before).toBeLessThan(1_000);
});
