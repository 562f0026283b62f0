import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createApp, defineTask, silentLogger, type WorkerOptions } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { gate, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

/** The order in which jobs began, and how the first one is held. */
const begun: number[] = [];
let held = gate();
const task = defineTask<{ n: number; hold?: boolean }>({
  name: "t",
  run: async ({ n, hold }) => {
    begun.push(n);
    if (hold) await held.opened;
  },
});
beforeEach(() => {
  begun.length = 0;
  held = gate();
});

/** Polls once a minute, after some quick polls when it goes idle. */
const SLEEPY: WorkerOptions = { pollingInterval: { seconds: 60 }, concurrency: 2 };
const untilIdle = () =>
  until(async () => (await queue.pool.query("select 1 from procrastinate_workers where idle")).rowCount === 1);
const claims = (): string[] => queue.sent.filter((name) => name.startsWith("fetch_"));
const notify = (payload: object) =>
  queue.pool.query("select pg_notify('procrastinate_jobs', $1::text)", [JSON.stringify(payload)]);
const statuses = async (): Promise<string[]> => (await queue.jobs()).map(({ status }) => status);

test("an idle worker claims the one job that it is told of by its id, before it looks for others", async () => {
  const app = queue.app([task]);
  await using _worker = startWorker(app, SLEEPY);
  await untilIdle();
  // A poll may come first, and find the job.
  await until(async () => {
    queue.sent.length = 0;
    begun.length = 0;
    await app.defer(task, { n: 1 }, { priority: 3 });
    await until(() => begun.length === 1);
    return claims()[0] === "fetch_job";
  });
  await until(async () => (await statuses()).every((status) => status === "succeeded"));
  expect((await queue.jobs()).at(-1)).toMatchObject({ attempts: 1, priority: 3 });
});

test("what it is told of while it lists the queues is claimed by its id, too", async () => {
  const app = queue.app([task]);
  let listing: (() => Promise<unknown>) | undefined;
  const { pool } = queue.connector;
  const connector: typeof queue.connector = {
    ...queue.connector,
    pool: {
      async query(statement, values) {
        if (statement.name === "list_ready_queues") await listing?.();
        return pool.query<never>(statement, values);
      },
    },
  };
  await using _worker = startWorker(createApp({ connector, tasks: [task], logger: silentLogger }), {
    pollingInterval: { milliseconds: 20 },
    concurrency: 2,
  });
  await untilIdle();
  // The notification may come late.
  await until(async () => {
    queue.sent.length = 0;
    begun.length = 0;
    const listed = gate();
    listing = async () => {
      listing = undefined;
      await app.defer(task, { n: 1 });
      listed.open();
    };
    await listed.opened;
    await until(() => begun.length === 1);
    return claims()[0] === "fetch_job";
  });
});

test.each([
  ["into the last free slot", { concurrency: 1 }, {}],
  ["with a lock", { concurrency: 2 }, { lock: "l" }],
])("a job %s is not claimed by its id: what else waits may go first", async (_what, options, how) => {
  const app = queue.app([task]);
  await using _worker = startWorker(app, { ...SLEEPY, ...options });
  await untilIdle();
  queue.sent.length = 0;
  await app.defer(task, { n: 1 }, how);
  await until(() => begun.length === 1);
  expect(claims()).not.toContain("fetch_job");
});

test("jobs of one transaction begin by priority although each was told of", async () => {
  const app = queue.app([task]);
  await using _worker = startWorker(app, SLEEPY);
  await untilIdle();
  await queue.transaction(async (tx) => {
    for (const n of [1, 2, 3, 4]) await app.defer(task, { n }, { tx, priority: n });
  });
  await until(() => begun.length === 4);
  expect(begun).toEqual([4, 3, 2, 1]);
});

test("many workers are told of one job; one runs it, once", async () => {
  const app = queue.app([task]);
  const workers = Array.from({ length: 5 }, () => startWorker(app, SLEEPY));
  await until(
    async () => (await queue.pool.query("select 1 from procrastinate_workers where idle")).rowCount === workers.length,
  );
  for (let n = 1; n <= 20; n++) {
    await app.defer(task, { n });
    await until(() => begun.length >= n);
  }
  await until(async () => (await statuses()).every((status) => status === "succeeded"));
  expect(begun).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
  await Promise.all(workers.map(({ worker }) => worker.stop()));
});

test("one job goes before all others, and then a fetch comes first, however many it is told of", async () => {
  const claimed: string[] = [];
  const { pool } = queue.connector;
  const connector: typeof queue.connector = {
    ...queue.connector,
    pool: {
      async query(statement, values) {
        const rows = await pool.query<never>(statement, values);
        const [row] = rows as readonly { jobs?: string | null }[];
        if (statement.name !== "fetch_job" || typeof row?.jobs === "string") claimed.push(statement.name);
        return rows;
      },
    },
  };
  await using _worker = startWorker(createApp({ connector, tasks: [task], logger: silentLogger }), {
    ...SLEEPY,
    concurrency: 10,
  });
  await untilIdle();
  const app = queue.app([task]);
  // It may be told of the first ones late, and of several at once.
  await until(async () => {
    begun.length = 0;
    for (let n = 1; n <= 50; n++) await app.defer(task, { n });
    await until(() => begun.length === 50);
    await untilIdle();
    return claimed.includes("fetch_job");
  });
  const claims = claimed.filter((sent) => sent.startsWith("fetch_job"));
  const followed = claims.filter((sent, at) => sent === "fetch_job" && claims[at + 1] === "fetch_job");
  expect(followed).toEqual([]);
});

test("what is told wrongly starts nothing that should not run", async () => {
  const app = queue.app([task]);
  await app.defer(task, { n: 1 }, { queue: "theirs" });
  await app.defer(task, { n: 2 }, { scheduleIn: { hours: 1 } });
  await app.defer(task, { n: 3, hold: true });
  await using _worker = startWorker(app, { ...SLEEPY, concurrency: 3, queues: ["default"] });
  await until(() => begun.length === 1);
  for (const job of ["1", "2", "3", "999", "999999999999999999"]) {
    for (const name of ["default", "theirs"]) {
      queue.sent.length = 0;
      await notify({ queue: name, delayMs: 0, job });
      // The last word of a look that found nothing.
      if (name === "default") await until(() => claims().includes("fetch_jobs"));
    }
  }
  await app.defer(task, { n: 4 });
  await until(() => begun.length === 2);
  held.open();
  await until(async () => (await statuses())[2] === "succeeded");
  expect(begun).toEqual([3, 4]);
  expect(await statuses()).toEqual(["todo", "todo", "succeeded", "succeeded"]);
});

test("a job that another transaction keeps locked is not waited for", async () => {
  const app = queue.app([task]);
  const id = await app.defer(task, { n: 1 });
  await using _worker = await queue.transaction(async (tx) => {
    await tx.query("select from procrastinate_jobs where id = $1::text::bigint for update", [String(id)]);
    const worker = startWorker(app, SLEEPY);
    await untilIdle();
    await notify({ queue: "default", delayMs: 0, job: String(id) });
    await app.defer(task, { n: 2 });
    await until(() => begun.length === 1);
    return worker;
  });
  await until(() => begun.length === 2);
  expect(begun).toEqual([2, 1]);
});
