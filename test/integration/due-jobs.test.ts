import { setTimeout as sleep } from "node:timers/promises";
import type { PoolClient } from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Connector } from "../../src/connector.ts";
import { defineTask, retryStrategy, type WorkerOptions } from "../../src/index.ts";
import { queueSql, tableNames } from "../../src/sql/statement.ts";
import { type DirectClaim, wakeJobs } from "../../src/sql/wake-jobs.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { gate, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

interface Row {
  readonly id: number;
  readonly queue?: string;
  readonly priority?: number;
  readonly lock?: string;
  /** Due so many seconds ago. */
  readonly since?: number;
  readonly large?: boolean;
}

async function insert(rows: readonly Row[]): Promise<void> {
  for (const { id, queue: name = "a", priority = 0, lock = null, since = 1, large = false } of rows) {
    await queue.pool.query(
      `insert into procrastinate_jobs (id, queue_name, task_name, priority, lock, scheduled_at, wake_at, ready, args)
       select $1, $2, 't', $3, $4, at, at, false, json_build_object('x', repeat('a', $6::int))
       from (select now() - $5::int * interval '1 second' as at) x`,
      [id, name, priority, lock, since, large ? 100_000 : 1],
    );
  }
}

const ALL: DirectClaim = { limit: 10, exceptQueues: [] };

/** What a look at due jobs claims, and what it makes ready. */
async function look(claim?: DirectClaim) {
  const { jobs, woken, queues } = await wakeJobs(queueSql(queue.connector.pool, tableNames()), {
    ...{ limit: 100, workerId: 1n, claim },
  });
  const { rows } = await queue.pool.query<{ id: number; status: string; ready: boolean }>(
    "select id::int, status, ready from procrastinate_jobs where ready or status <> 'todo' order by id",
  );
  expect(rows.filter(({ status }) => status === "todo")).toHaveLength(woken);
  return {
    claimed: jobs.map(({ id }) => Number(id)),
    ready: rows.flatMap(({ id, status }) => (status === "todo" ? [id] : [])),
    queues: queues.toSorted(),
  };
}

test("due jobs are claimed by priority, then by id, up to the limit; the others are made ready", async () => {
  await insert([{ id: 5 }, { id: 3, priority: 1 }, { id: 4, since: -60 }, { id: 2 }, { id: 1, queue: "b" }]);
  expect(await look({ ...ALL, limit: 3 })).toEqual({ claimed: [3, 1, 2], ready: [5], queues: ["a"] });
});

test.each<[string, DirectClaim | undefined, object]>([
  ["none without a claim", undefined, { claimed: [], ready: [1, 2, 3, 4, 5, 6] }],
  ["all but those with locks or large arguments", ALL, { claimed: [4, 1, 2, 3], ready: [5, 6] }],
  ["those of its queues", { ...ALL, queues: ["b"] }, { claimed: [2], ready: [1, 3, 4, 5, 6] }],
  ["none of other queues", { ...ALL, exceptQueues: ["a", "none"] }, { claimed: [2], ready: [1, 3, 4, 5, 6] }],
  [
    "those that come no later than a job",
    { ...ALL, upTo: { priority: 0, id: 2n } },
    { claimed: [4, 1, 2], ready: [3, 5, 6] },
  ],
])("of due jobs a worker claims %s", async (_which, claim, expected) => {
  await insert([
    ...[{ id: 1 }, { id: 2, queue: "b" }, { id: 3 }, { id: 4, priority: 1 }],
    ...[
      { id: 5, lock: "l" },
      { id: 6, large: true },
    ],
  ]);
  expect(await look(claim)).toMatchObject(expected);
});

/** Notes which statement claimed which job. */
function watch() {
  const claims = new Map<string, string>();
  const connector: Connector<PoolClient> = {
    ...queue.connector,
    pool: {
      async query(statement, values) {
        const rows = await queue.connector.pool.query<never>(statement, values);
        const [row] = rows as readonly { jobs?: unknown }[];
        if (!/^(fetch|wake)_/.test(statement.name) || typeof row?.jobs !== "string") return rows;
        const ids = (JSON.parse(row.jobs) as { id: string }).id.slice(1, -1).split(",");
        for (const id of ids) claims.set(id, statement.name);
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
  expect([...claims.values()]).toEqual(Array(4).fill("wake_jobs"));
  expect(fetched).toBe(5);
});

test.each([
  [2, ["wake_jobs", "fetch_jobs", "fetch_jobs"]],
  [1, ["fetch_jobs", "fetch_jobs", "fetch_jobs"]],
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
  const scheduleAt = new Date(Date.now() + 200);
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

test("a worker that nobody tells of what is deferred claims no due job before it has looked what else there is", async () => {
  const { connector, claims } = watch();
  const { task, lateMs } = timed(0);
  const app = queue.app([task], { connector });
  await using _worker = startWorker(app, { listen: false, pollingInterval: { milliseconds: 30 }, concurrency: 10 });
  for (let n = 1; n <= 5; n++) {
    await app.defer(task, {}, { scheduleIn: { milliseconds: 40 } });
    await until(() => lateMs.length === n);
  }
  expect([...claims.values()]).toEqual(Array(5).fill("fetch_jobs"));
});

test("while jobs become due one after the other, there is a fetch every 100 ms at most", async () => {
  const { task, lateMs } = timed(0);
  const app = queue.app([task]);
  await using _worker = startWorker(app, { ...SLEEPY, concurrency: 10 });
  await untilIdle();
  const jobs = 150;
  const from = Date.now() + 400;
  await Promise.all(
    Array.from({ length: jobs }, (_, n) => app.defer(task, {}, { scheduleAt: new Date(from + 8 * n) })),
  );
  queue.sent.length = 0;
  await until(() => lateMs.length === jobs);
  const lookedMs = Date.now() - from + 400;
  // Where a job is claimed by nobody, its timer was early: a fetch follows.
  expect(queue.sent.filter((name) => name.startsWith("fetch_")).length).toBeLessThan(lookedMs / 100 + jobs / 10);
});

test("while jobs are fetched ahead, due jobs that the last fetch would have claimed are claimed at once", async () => {
  const { connector, claims } = watch();
  let ran = 0;
  const task = defineTask({ name: "t", run: () => void ran++ });
  const app = queue.app([task], { connector });
  const many = Array.from({ length: 30_000 }, () => ({}));
  const first = await app.batchDefer(task, many.slice(0, 200), { scheduleIn: { minutes: 10 } });
  await app.batchDefer(task, many);
  await using _worker = startWorker(app, { concurrency: 10 });
  await until(() => ran > 5_000);
  await queue.pool.query(
    "update procrastinate_jobs set scheduled_at = now(), wake_at = now() where not ready and wake_at > now()",
  );
  await until(() => ran === 30_200, { timeoutMs: 20_000 });
  // Those for which there is no room are made ready.
  expect(first.map((id) => claims.get(String(id)))).toContain("wake_jobs");
});
