import type { PoolClient } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import {
  CompletionRolledBackError,
  defineTask,
  type JobContext,
  LeaseLostError,
  type RetryOption,
  type SqlStatement,
  type SqlValue,
} from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { type Gate, gate as openGate, type StartedWorker, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue({ max: 20 });
  await queue.pool.query("create table effects (by int)");
});
beforeEach(async () => {
  await queue.clear();
  await queue.pool.query("truncate effects, procrastinate_events, procrastinate_workers");
});
const gates: Gate[] = [];
const started: StartedWorker[] = [];
afterEach(async () => {
  for (const { open } of gates.splice(0)) open();
  await Promise.all(started.splice(0).map(({ worker }) => worker.stop()));
});
afterAll(() => queue.close());

/** A gate that opens at the end of the test at the latest, so that a failed one leaves no handler behind. */
function gate(): Gate {
  const made = openGate();
  gates.push(made);
  return made;
}

function start(...[app, options]: Parameters<typeof startWorker>): StartedWorker {
  const made = startWorker(app, options);
  started.push(made);
  return made;
}

const effects = async (): Promise<number[]> =>
  (await queue.pool.query("select by from effects order by by")).rows.map(({ by }) => by);
const write = (tx: PoolClient, by: number) => tx.query("insert into effects values ($1)", [by]);
/** So rare are its own heartbeats that it stays dead when it is called so. */
const SILENT = { heartbeatInterval: { seconds: 30 }, stalledAfter: { seconds: 60 } };
const callDead = () => queue.pool.query("update procrastinate_workers set last_heartbeat = now() - interval '1 hour'");

/** A worker whose job was given to a second one, which it does not know. `run` gets the number of the run, from 1. */
async function takenForDead(run: (n: number, context: JobContext) => unknown, options: { retry?: RetryOption } = {}) {
  const runs: JobContext[] = [];
  const events: string[] = [];
  const task = defineTask({
    ...{ name: "t", ...options },
    run: (_args, context) => run(runs.push(context), context),
  });
  const app = queue.app([task]);
  await app.defer(task);
  const first = start(app as never, SILENT);
  for (const name of [
    "lease_lost",
    "job_success",
    "job_error",
    "job_error_retry",
    "job_aborted",
    "job_abandoned",
  ] as const) {
    first.worker.on(name, () => events.push(name));
  }
  await until(() => runs.length === 1);
  await callDead();
  const second = start(app as never);
  await until(() => runs.length === 2);
  return { app, first, second, events };
}

const ends: [string, () => unknown][] = [
  ["returns", () => 1],
  ["throws", () => Promise.reject(new Error("late"))],
];

test.each(ends)(
  "a worker whose job was taken cannot record that its handler %s, while the job runs elsewhere",
  async (_how, end) => {
    const [one, two] = [gate(), gate()];
    const { first, second, events } = await takenForDead((n) => (n === 1 ? one.opened.then(end) : two.opened), {});
    one.open();
    await until(() => events.includes("lease_lost"));
    expect((await queue.jobs())[0]).toMatchObject({ status: "doing", attempts: 0 });
    two.open();
    await until(async () => (await queue.jobs())[0]?.status === "succeeded");
    expect((await queue.jobs())[0]?.attempts).toBe(1);
    await Promise.all([first.worker.stop(), second.worker.stop()]);
    const { rows } = await queue.pool.query("select type::text from procrastinate_events");
    expect(rows).toEqual([{ type: "rescued" }]);
  },
);

test("the one that lost the job cannot complete it, before or after the other one has: one effect", async () => {
  for (const order of ["first loses before", "first loses after"]) {
    await queue.clear();
    await queue.pool.query("truncate effects");
    const [one, two] = [gate(), gate()];
    const errors: unknown[] = [];
    const complete = (n: number, context: JobContext) =>
      queue.transaction(async (tx) => {
        await write(tx, n);
        await context.complete(tx);
      });
    const { first, second, events } = await takenForDead(async (n, context) => {
      await (n === 1 ? one : two).opened;
      await complete(n, context).catch((error: unknown) => {
        errors.push(error);
        throw error;
      });
    });
    const loses = async (): Promise<void> => {
      one.open();
      await until(() => errors.length === 1);
    };
    const wins = async (): Promise<void> => {
      two.open();
      await until(async () => (await queue.jobs())[0]?.status === "succeeded");
    };
    for (const step of order.endsWith("before") ? [loses, wins] : [wins, loses]) await step();
    await Promise.all([first.worker.stop(), second.worker.stop()]);
    expect(errors).toEqual([expect.any(LeaseLostError)]);
    expect(events).toEqual(["lease_lost"]);
    expect(await effects()).toEqual([2]);
    expect((await queue.jobs())[0]).toMatchObject({ status: "succeeded", attempts: 1 });
  }
});

test("a completion that is not committed yet keeps the job from being taken, and then stands", async () => {
  const inside = gate();
  const commit = gate();
  const task = defineTask({
    name: "t",
    run: (_args, context) =>
      queue.transaction(async (tx) => {
        await write(tx, 1);
        await context.complete(tx);
        inside.open();
        await commit.opened;
      }),
  });
  const app = queue.app([task]);
  await app.defer(task);
  const first = start(app as never, SILENT);
  await inside.opened;
  await callDead();
  const second = start(app as never);
  const workers = async () => (await queue.pool.query("select 1 from procrastinate_workers")).rowCount;
  const rounds = () => queue.sent.filter((name) => name === "rescue_jobs").length;
  // Rescues pass the locked row by, and leave the dead one's row for later.
  await until(() => rounds() >= 2);
  expect(await workers()).toBe(2);
  commit.open();
  await until(async () => (await queue.jobs())[0]?.status === "succeeded");
  await first.worker.stop();
  await second.worker.stop();
  expect(await effects()).toEqual([1]);
});

test("a run whose completion was rolled back, and whose job was then taken, has not succeeded", async () => {
  const [rolledBack, one, two] = [gate(), gate(), gate()];
  const { first, second, events } = await takenForDead(async (n, context) => {
    if (n === 2) return two.opened;
    await queue
      .transaction(async (tx) => {
        await context.complete(tx);
        throw new Error("roll back");
      })
      .catch(() => rolledBack.open());
    await one.opened;
  });
  await rolledBack.opened;
  one.open();
  await until(() => events.length > 0);
  expect(events).toEqual(["lease_lost"]);
  two.open();
  await Promise.all([first.worker.stop(), second.worker.stop()]);
});

test("a handler that is over when its worker learns that the job is lost is not asked to stop, nor given up", async () => {
  const [over, asked, answer] = [gate(), gate(), gate()];
  let isLost = false;
  const events: string[] = [];
  const task = defineTask({ name: "t", run: () => over.opened });
  const app = queue.app([task], {
    connector: {
      ...queue.connector,
      pool: {
        query: async <Row extends object>(statement: SqlStatement, values: readonly SqlValue[]) => {
          const isHeld = isLost && statement.name === "check_running_jobs";
          const rows = await queue.connector.pool.query<Row>(statement, values);
          if (isHeld) asked.open();
          if (isHeld) await answer.opened;
          return rows;
        },
      },
    },
  });
  await app.defer(task);
  const { worker } = start(app as never, { abandonAfter: { milliseconds: 1 } });
  for (const name of ["abort_job", "job_abandoned", "lease_lost"] as const) worker.on(name, () => events.push(name));
  await until(async () => (await queue.jobs())[0]?.status === "doing");
  await queue.pool.query("update procrastinate_jobs set lease = lease + 1");
  isLost = true;
  await asked.opened;
  over.open();
  await until(() => events.includes("lease_lost"));
  answer.open();
  await worker.stop();
  expect(events).toEqual(["lease_lost"]);
});

/** Notes what is said of a run's stop, while the statement of that name waits before Postgres gets it. */
async function stopsSaid(name: string, run: (context: JobContext) => unknown) {
  const [asked, sent] = [gate(), gate()];
  const events: string[] = [];
  const task = defineTask({ name: "t", run: (_args, context) => run(context) });
  const app = queue.app([task], {
    connector: {
      ...queue.connector,
      pool: {
        query: async <Row extends object>(statement: SqlStatement, values: readonly SqlValue[]) => {
          if (statement.name === name) asked.open();
          if (statement.name === name) await sent.opened;
          return queue.connector.pool.query<Row>(statement, values);
        },
      },
    },
  });
  await app.defer(task);
  const { worker } = start(app as never, { abandonAfter: { milliseconds: 1 } });
  for (const said of ["abort_job", "job_abandoned", "lease_lost", "job_success"] as const)
    worker.on(said, () => events.push(said));
  await asked.opened;
  return { worker, sent, events };
}

test("a handler whose last notes learn that the job is lost is not asked to stop", async () => {
  const over = gate();
  const { worker, sent, events } = await stopsSaid("note_job", (context) => {
    context.progress(1);
    return over.opened;
  });
  await queue.pool.query("update procrastinate_jobs set lease = lease + 1");
  over.open();
  await over.opened;
  await new Promise((resolve) => setImmediate(resolve));
  sent.open();
  await until(() => events.includes("lease_lost"));
  await worker.stop();
  expect(events).toEqual(["lease_lost"]);
});

test("a handler whose outcome is written before the worker looks after it is not said to have lost its job", async () => {
  const over = gate();
  const { worker, sent, events } = await stopsSaid("check_running_jobs", () => over.opened);
  over.open();
  await until(async () => (await queue.jobs())[0]?.status === "succeeded");
  sent.open();
  await worker.stop();
  expect(events).toEqual(["job_success"]);
});

test("a handler that completes twice in one transaction learns that it did so", async () => {
  const errors: unknown[] = [];
  const task = defineTask({
    name: "t",
    run: (_args, context) =>
      queue.transaction(async (tx) => {
        await write(tx, 1);
        await context.complete(tx, { first: true });
        await context.complete(tx, { first: false }).catch((error: unknown) => errors.push(error));
      }),
  });
  const app = queue.app([task]);
  await app.defer(task);
  start(app as never);
  await until(async () => (await queue.jobs())[0]?.status === "succeeded");
  expect(errors).toEqual([expect.any(LeaseLostError)]);
  expect((await queue.pool.query("select result from procrastinate_jobs")).rows).toEqual([{ result: { first: true } }]);
});

test("a handler that repeats its transaction after a rollback completes with the second one", async () => {
  const task = defineTask({
    name: "t",
    run: async (_args, context) => {
      for (const attempt of [1, 2]) {
        await queue
          .transaction(async (tx) => {
            await write(tx, attempt);
            await context.complete(tx, attempt);
            if (attempt === 1) throw new Error("serialization failure, say");
          })
          .catch(() => undefined);
      }
    },
  });
  const app = queue.app([task]);
  await app.defer(task);
  start(app as never);
  await until(async () => (await queue.jobs())[0]?.status === "succeeded");
  expect(await effects()).toEqual([2]);
});

test("a handler that hides a rollback fails with CompletionRolledBackError, and is tried again as its strategy says", async () => {
  const errors: unknown[] = [];
  const task = defineTask({
    name: "t",
    lock: "l",
    retry: { decide: ({ error }) => (errors.push(error) < 3 ? {} : undefined) },
    run: async (_args, context) => {
      await queue
        .transaction(async (tx) => {
          await write(tx, 1);
          await context.complete(tx);
          throw new Error("hidden");
        })
        .catch(() => undefined);
    },
  });
  const app = queue.app([task]);
  await app.defer(task);
  start(app as never);
  await until(async () => (await queue.jobs())[0]?.status === "failed");
  expect(errors).toEqual(Array(3).fill(expect.any(CompletionRolledBackError)));
  expect((await queue.jobs())[0]?.attempts).toBe(3);
  expect(await effects()).toEqual([]);
});
