import type pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Connector, SqlExecutor } from "../../src/connector.ts";
import { DatabaseError } from "../../src/database-error.ts";
import { defineTask } from "../../src/task/define-task.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";

let queue: TestQueue;

beforeAll(async () => {
  queue = await openTestQueue();
});
afterAll(() => queue.close());
beforeEach(() => queue.clear());

const task = defineTask<{ n: number; text?: string }>({ name: "sample" });

function range<T>(length: number, make: (n: number) => T): T[] {
  return Array.from({ length }, (_none, n) => make(n));
}

/** The number in the arguments of each job, by its id. */
async function numbers(): Promise<Map<bigint, unknown>> {
  return new Map((await queue.jobs()).map((job) => [job.id, job.args["n"]]));
}

/** The connector, with something done before each statement of the pool. */
function before(act: (call: number) => Promise<void>): Connector<pg.PoolClient> {
  let calls = 0;
  const pool: SqlExecutor = {
    async query(statement, values) {
      await act(++calls);
      return queue.connector.pool.query(statement, values);
    },
  };
  return { ...queue.connector, pool };
}

describe("jobs that are deferred at the same time", () => {
  test("travel in one statement, and each caller gets the id of his own", async () => {
    const app = queue.app([task]);
    const ids = await Promise.all(range(500, (n) => app.defer(task, { n })));
    const stored = await numbers();
    expect(ids.map((id) => stored.get(id))).toEqual(range(500, (n) => n));
    expect(queue.sent).toEqual(["insert_uniform_jobs"]);
  });

  test("have their own options, and come from any task", async () => {
    const other = defineTask<{ n: number }>({ name: "other", queue: "elsewhere" });
    const app = queue.app([task, other]);
    await Promise.all([
      app.defer(task, { n: 1 }, { priority: 5, lock: "a" }),
      app.defer(other, { n: 2 }, { lock: "a" }),
      app.configure(task, { queue: "slow" }).defer({ n: 3 }, { scheduleIn: { days: 1 } }),
    ]);
    expect(await queue.jobs()).toMatchObject([
      { task: "sample", queue: "default", priority: 5, lock: "a", args: { n: 1 }, ready: true },
      { task: "other", queue: "elsewhere", priority: 0, lock: "a", args: { n: 2 }, ready: true },
      { task: "sample", queue: "slow", priority: 0, lock: null, args: { n: 3 }, ready: false },
    ]);
    expect(queue.sent).toEqual(["insert_jobs"]);
  });

  test("leave with the next statement while one is under way, and a lone one leaves at once", async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const connector = before((call) => (call === 1 ? held : Promise.resolve()));
    const app = queue.app([task], { connector });
    const first = app.defer(task, { n: 0 });
    await new Promise((resolve) => setImmediate(resolve));
    const others: Promise<bigint>[] = [];
    for (const n of range(50, (n) => n + 1)) {
      others.push(app.defer(task, { n }));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await queue.jobs()).toEqual([]);
    release();
    const ids = [await first, ...(await Promise.all(others))];
    const stored = await numbers();
    expect(ids.map((id) => stored.get(id))).toEqual(range(51, (n) => n));
    expect(queue.sent).toEqual(["insert_job", "insert_uniform_jobs"]);
  });

  test("travel apart where together they are too much for one statement", async () => {
    const app = queue.app([task]);
    const text = "x".repeat(1_500_000);
    const ids = await Promise.all([...range(6, (n) => app.defer(task, { n, text })), app.defer(task, { n: 6 })]);
    const stored = await numbers();
    expect(ids.map((id) => stored.get(id))).toEqual(range(7, (n) => n));
    expect(queue.sent).toEqual(Array(3).fill("insert_uniform_jobs"));

    queue.sent.length = 0;
    const many = await Promise.all(range(2500, (n) => app.defer(task, { n })));
    expect(new Set(many).size).toBe(2500);
    expect(queue.sent).toEqual(Array(3).fill("insert_uniform_jobs"));
  });

  test("do not travel with those of a transaction", async () => {
    const app = queue.app([task]);
    const failing = queue.transaction(async (tx) => {
      await Promise.all([app.defer(task, { n: 1 }, { tx }), app.defer(task, { n: 2 })]);
      throw new Error("changed my mind");
    });
    await expect(failing).rejects.toThrow("changed my mind");
    expect((await queue.jobs()).map((job) => job.args["n"])).toEqual([2]);
  });
});

describe("where something is wrong with one of them", () => {
  beforeAll(async () => {
    await queue.pool.query("alter table procrastinate_jobs add constraint no_seven check (not args @> '{\"n\": 7}')");
  });
  afterAll(async () => {
    await queue.pool.query("alter table procrastinate_jobs drop constraint no_seven");
  });

  test("the database refuses that one alone, with its own error", async () => {
    const app = queue.app([task]);
    const settled = await Promise.allSettled(range(500, (n) => app.defer(task, { n })));
    const refused = settled.flatMap((outcome, n) => (outcome.status === "rejected" ? [[n, outcome.reason]] : []));
    expect(refused).toMatchObject([[7, { code: "database", sqlState: "23514", constraint: "no_seven" }]]);
    const stored = await numbers();
    const ids = settled.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : 0n));
    expect(ids.map((id) => stored.get(id))).toEqual(range(500, (n) => (n === 7 ? undefined : n)));
    expect(stored.size).toBe(499);
    expect(queue.sent.length).toBeLessThan(25);
  });

  test("the database refuses each of several", async () => {
    const app = queue.app([task]);
    const settled = await Promise.allSettled(range(9, (n) => app.defer(task, { n: n % 3 === 0 ? 7 : n })));
    const statuses = settled.map(({ status }) => status === "fulfilled");
    expect(statuses).toEqual(range(9, (n) => n % 3 !== 0 && n !== 7));
    expect((await queue.jobs()).map((job) => job.args["n"])).toEqual([1, 2, 4, 5, 8]);
  });

  test("arguments that are refused never reach the others", async () => {
    const app = queue.app([task]);
    const settled = await Promise.allSettled([
      app.defer(task, { n: 1 }),
      app.defer(task, { n: Number.NaN }),
      app.defer(task, { n: 2 }, { priority: 0.5 }),
      app.defer(task, { n: 3 }),
    ]);
    expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
    expect(settled).toMatchObject([
      {},
      { reason: { code: "invalid_args" } },
      { reason: { code: "invalid_option" } },
      {},
    ]);
    expect(await queue.jobs()).toHaveLength(2);
    expect(queue.sent).toEqual(["insert_uniform_jobs"]);
  });
});

describe("where something is wrong with the database", () => {
  let log: string[] = [];
  afterEach(() => {
    log = [];
  });

  function failing(times: number, code: string): Connector<pg.PoolClient> {
    return before(async (call) => {
      log.push(`call ${call}`);
      const cause = Object.assign(new Error("failed"), { code });
      if (call <= times) throw new DatabaseError("insert_jobs", cause);
    });
  }

  test.each(["40001", "40P01"])("a collision with other transactions (%s) is nobody's concern", async (code) => {
    const app = queue.app([task], { connector: failing(2, code) });
    const ids = await Promise.all(range(10, (n) => app.defer(task, { n })));
    const stored = await numbers();
    expect(ids.map((id) => stored.get(id))).toEqual(range(10, (n) => n));
    expect(stored.size).toBe(10);
    const batch = queue.app([task], { connector: failing(1, code) });
    expect(await batch.batchDefer(task, [{ n: 1 }, { n: 2 }])).toHaveLength(2);
    const keyed = queue.app([task], { connector: failing(1, code) });
    expect(await keyed.defer(task, { n: 1 }, { queueingLock: "a" })).toBeTypeOf("bigint");
  });

  test("a lost connection fails all of them, for it may have been written; the next ones go through", async () => {
    const app = queue.app([task], { connector: failing(1, "ECONNRESET") });
    const settled = await Promise.allSettled(range(10, (n) => app.defer(task, { n })));
    expect(settled.map((outcome) => outcome.status === "rejected" && outcome.reason.code)).toEqual(
      range(10, () => "database"),
    );
    expect(log).toEqual(["call 1"]);
    expect(await queue.jobs()).toEqual([]);
    const id = await app.defer(task, { n: 1 });
    expect((await queue.jobs()).map((job) => job.id)).toEqual([id]);
  });
});
