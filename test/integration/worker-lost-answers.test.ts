import type { PoolClient } from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Connector } from "../../src/connector.ts";
import { DatabaseError } from "../../src/database-error.ts";
import { createApp, defineTask, retryStrategy, silentLogger, type WorkerOptions } from "../../src/index.ts";
import { startClockedWorker } from "../support/clocked-worker.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { gate, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

/** Loses the connection at some calls of one statement: before Postgres gets it, or after it was committed there. */
function losing(
  name: string,
  when: "before" | "after",
  calls: readonly number[],
): Connector<PoolClient> & { lost(): number } {
  let seen = 0;
  let lost = 0;
  return {
    ...queue.connector,
    lost: () => lost,
    pool: {
      async query(statement, values) {
        const isLost = statement.name === name && calls.includes(++seen);
        if (!isLost) return queue.connector.pool.query(statement, values);
        lost++;
        if (when === "after") await queue.connector.pool.query(statement, values);
        throw new DatabaseError(name, new Error("Connection terminated unexpectedly"));
      },
    },
  };
}

const STATEMENTS = [
  "fetch_job",
  "fetch_jobs",
  "fetch_locked_jobs",
  "finish_jobs",
  "end_jobs",
  "retry_jobs",
  "release_jobs",
  "promote_locks",
  "wake_jobs",
  "list_ready_queues",
  "beat_worker",
];

test.each(STATEMENTS.flatMap((name) => (["before", "after"] as const).map((when) => [name, when] as const)))(
  "when the connection is lost with %s, %s it was executed, every job ends nevertheless",
  async (name, when) => {
    const runs = new Map<number, number>();
    const task = defineTask({
      name: "t",
      retry: 1,
      run: async ({ n, fail }: { n: number; fail: number }) => {
        const run = (runs.get(n) ?? 0) + 1;
        runs.set(n, run);
        if (run <= fail) throw new Error("as told");
      },
    });
    const connector = losing(name, when, [1, 3]);
    const app = createApp({ connector, tasks: [task], logger: silentLogger });
    const jobs = Array.from({ length: 36 }, (_, n) => ({ n, fail: n % 10 === 9 ? 2 : n % 7 === 0 ? 1 : 0 }));
    await app.batchDefer(task, jobs.slice(0, 10));
    await app.batchDefer(task, jobs.slice(10, 20), { lock: "l" });
    await app.batchDefer(task, jobs.slice(20, 30), { scheduleIn: { milliseconds: 30 } });
    await using _worker = startWorker(app, { concurrency: 3 });
    const rows = async (sql: string) => (await queue.pool.query(sql)).rowCount;
    for (const late of jobs.slice(30)) {
      // Told of while it has nothing else to do, unless a poll finds the job first.
      await until(async () => (await rows("select 1 from procrastinate_jobs where finished_at is null")) === 0);
      await until(async () => (await rows("select 1 from procrastinate_workers where idle")) === 1);
      await app.defer(task, late);
      await until(() => runs.has(late.n));
    }
    await until(
      async () => {
        const stored = await queue.jobs();
        expect(stored.map(({ status }) => status)).toEqual(
          jobs.map(({ fail }) => (fail === 2 ? "failed" : "succeeded")),
        );
        return true;
      },
      { timeoutMs: 5000 },
    );
    expect([...runs.values()].reduce((a, b) => a + b)).toBe(
      jobs.reduce((sum, { fail }) => sum + Math.min(fail, 1) + 1, 0),
    );
    if (name !== "release_jobs") expect(connector.lost()).toBeGreaterThan(0);
  },
);

test.each(["before", "after"] as const)(
  "when statements are not answered at all, %s they were executed, every job ends once they are given up",
  async (when) => {
    const silent = new Set(["fetch_job", "fetch_jobs", "finish_jobs"]);
    const connector: Connector<PoolClient> = {
      ...queue.connector,
      pool: {
        async query(statement, values) {
          if (!silent.delete(statement.name)) return queue.connector.pool.query(statement, values);
          if (when === "after") await queue.connector.pool.query(statement, values);
          return new Promise(() => undefined);
        },
      },
    };
    const task = defineTask({ name: "t", run: () => undefined });
    const app = createApp({ connector, tasks: [task], logger: silentLogger });
    await app.batchDefer(task, [{}, {}, {}]);
    await using _worker = startWorker(app, { concurrency: 3 });
    // Each is given up after five seconds.
    await until(async () => (await queue.jobs()).every(({ status }) => status === "succeeded"), { timeoutMs: 20_000 });
    expect(silent).not.toContain("finish_jobs");
  },
);

const refused = (name: string, code: string): DatabaseError =>
  new DatabaseError(name, Object.assign(new Error("refused"), { code, severity: "ERROR" }));

test("a worker that may not look for what it has claimed unknowingly fetches on, and looks again after a while", async () => {
  const ran: number[] = [];
  const task = defineTask({ name: "t", run: ({ n }: { n: number }) => ran.push(n) });
  const app = queue.app([task]);
  const lost = losing("fetch_jobs", "after", [1]);
  let looks = 0;
  let mayLook = false;
  const connector: Connector<PoolClient> = {
    ...lost,
    pool: {
      async query(statement, values) {
        const isLook = statement.name === "list_worker_jobs";
        if (isLook) looks++;
        if (isLook && !mayLook) throw refused(statement.name, "57014");
        return lost.pool.query(statement, values);
      },
    },
  };
  await app.defer(task, { n: 1 });
  await using started = startClockedWorker(queue, [task], { connector });
  const { clock } = started;
  const passing = (check: () => boolean): Promise<boolean> =>
    until(() => {
      clock.pass(10);
      return check();
    });
  await passing(() => looks === 1);
  await app.defer(task, { n: 2 });
  await passing(() => ran.length === 1);
  expect([ran, looks]).toEqual([[2], 1]);
  mayLook = true;
  clock.pass(60_000);
  await passing(() => ran.length === 2);
  expect([ran, looks]).toEqual([[2, 1], 2]);
});

test("a worker that is stopped while it may not look does so once more, and leaves its row where that is refused", async () => {
  const task = defineTask({ name: "t", run: () => undefined });
  for (const mayLook of [true, false]) {
    await queue.clear();
    await queue.pool.query("delete from procrastinate_workers");
    const lost = losing("fetch_jobs", "after", [1]);
    let looks = 0;
    let isStopping = false;
    const connector: Connector<PoolClient> = {
      ...lost,
      pool: {
        async query(statement, values) {
          if (statement.name !== "list_worker_jobs") return lost.pool.query(statement, values);
          looks++;
          if (!isStopping || !mayLook) throw refused(statement.name, "57014");
          return lost.pool.query(statement, values);
        },
      },
    };
    const app = createApp({ connector, tasks: [task], logger: silentLogger });
    await app.defer(task);
    const { worker } = startWorker(app, {});
    await until(() => looks === 1);
    isStopping = true;
    await worker.stop();
    expect(looks).toBe(2);
    expect((await queue.jobs())[0]?.status).toBe(mayLook ? "todo" : "doing");
    expect((await queue.pool.query("select 1 from procrastinate_workers")).rowCount).toBe(mayLook ? 0 : 1);
  }
});

test.each(["40P01", "40001", "23505"])(
  "a fetch that Postgres refuses with %s leaves nothing to look for, and is sent again",
  async (code) => {
    let isRefused = false;
    const connector: Connector<PoolClient> = {
      ...queue.connector,
      pool: {
        async query(statement, values) {
          if (isRefused || statement.name !== "fetch_jobs") return queue.connector.pool.query(statement, values);
          isRefused = true;
          throw refused(statement.name, code);
        },
      },
    };
    const task = defineTask({ name: "t", run: () => undefined });
    const app = createApp({ connector, tasks: [task], logger: silentLogger });
    await app.batchDefer(task, [{}, {}]);
    await using _worker = startWorker(app);
    await until(async () => (await queue.jobs()).every(({ status }) => status === "succeeded"));
    expect(isRefused).toBe(true);
    expect(queue.sent).not.toContain("list_worker_jobs");
  },
);

/** Does not notice by itself, while the test goes on, that a claim was taken back. */
const UNAWARE: WorkerOptions = {
  concurrency: 3,
  heartbeatInterval: { minutes: 1 },
  stalledAfter: { minutes: 5 },
  abortPollingInterval: { minutes: 1 },
};
/** What a crash of Postgres does to the last claims, which did not wait for their flush. */
const TAKE_BACK = `update procrastinate_jobs
  set status = 'todo', worker_id = null, lease = lease - 1, started_at = null, ready = true where status = 'doing'`;

test("a job whose claim is taken back, and which the same worker claims anew, goes on in the run that there is", async () => {
  let runs = 0;
  let end = (): void => undefined;
  const slow = defineTask({
    name: "slow",
    run: () => {
      runs++;
      return new Promise<void>((resolve) => {
        end = resolve;
      });
    },
  });
  const later = defineTask({ name: "later", run: () => undefined });
  const app = queue.app([slow, later]);
  await app.defer(slow);
  await using _worker = startWorker(app, UNAWARE);
  await until(() => runs === 1);
  await queue.pool.query(TAKE_BACK);
  await app.defer(later);
  await until(async () => (await queue.jobs()).every(({ status }) => status !== "todo"));
  expect(await queue.jobs()).toMatchObject([{ status: "doing" }, {}]);
  end();
  await until(async () => (await queue.jobs()).every(({ status }) => status === "succeeded"));
  expect(runs).toBe(1);
});

test("a job whose claim is taken back while its retry is being written does not run beside that", async () => {
  let runs = 0;
  const failing = defineTask({
    name: "failing",
    retry: retryStrategy({ maxAttempts: 1, wait: { seconds: 3600 } }),
    run: () => {
      runs++;
      throw new Error("as told");
    },
  });
  const later = defineTask({ name: "later", run: () => undefined });
  const written = gate();
  const connector: Connector<PoolClient> = {
    ...queue.connector,
    pool: {
      async query(statement, values) {
        if (statement.name === "retry_jobs") await written.opened;
        return queue.connector.pool.query(statement, values);
      },
    },
  };
  const app = createApp({ connector, tasks: [failing, later], logger: silentLogger });
  await app.defer(failing);
  await using _worker = startWorker(app, UNAWARE);
  await until(() => runs === 1);
  await queue.pool.query(TAKE_BACK);
  await app.defer(later);
  await until(async () => (await queue.jobs()).every(({ status }) => status === "doing"));
  written.open();
  await until(async () => (await queue.jobs())[1]?.status === "succeeded");
  expect(await queue.jobs()).toMatchObject([{ status: "todo", attempts: 1 }, {}]);
  expect(runs).toBe(1);
});

test("a job whose claim is taken back runs again when the run that there was has lost its lease", async () => {
  let runs = 0;
  const slow = defineTask({
    name: "slow",
    run: async (_args, { signal }) => {
      if (++runs > 1) return;
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      // Claimed anew while this run, which ends without an outcome, still goes on.
      await queue.pool.query("update procrastinate_jobs set ready = true, wake_at = null where status = 'todo'");
      await app.defer(later);
      await until(async () => (await queue.jobs()).every(({ status }) => status !== "todo"));
    },
  });
  const later = defineTask({ name: "later", run: () => undefined });
  const app = queue.app([slow, later]);
  await app.defer(slow);
  await using _worker = startWorker(app, { concurrency: 3, abortPollingInterval: { milliseconds: 100 } });
  await until(() => runs === 1);
  // Out of reach until the worker has noticed.
  await queue.pool.query(TAKE_BACK.replace("ready = true", "ready = false, wake_at = now() + interval '1 hour'"));
  await until(async () => (await queue.jobs()).every(({ status }) => status === "succeeded"));
  expect(runs).toBe(2);
});
