import type pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { DatabaseError } from "../../src/database-error.ts";
import { AlreadyEnqueuedError } from "../../src/errors.ts";
import type { OnConflict } from "../../src/task/deferrer.ts";
import { defineTask } from "../../src/task/define-task.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";

let queue: TestQueue;

beforeAll(async () => {
  queue = await openTestQueue();
});
afterAll(() => queue.close());
beforeEach(() => queue.clear());

const task = defineTask<{ n?: number }>({ name: "sample" });
const CALLERS = 40;

/** Each caller's id, or the code of its error. */
function callAll(onConflict: OnConflict, tx?: pg.PoolClient): Promise<(bigint | string)[]> {
  // Two apps, as in two processes.
  const apps = [queue.app([task]), queue.app([task])];
  const calls = Array.from({ length: CALLERS }, (_none, n) => {
    const options = { queueingLock: "a", onConflict, ...(tx && { tx }) };
    return (apps[n % 2] ?? queue.app([task])).defer(task, { n }, options).catch((error) => error.code as string);
  });
  return Promise.all(calls);
}

/** Begins a transaction that holds the key "a"; the result ends it. */
async function holdKey(): Promise<{ id: bigint; end: (how: "commit" | "rollback") => Promise<void> }> {
  const client = await queue.pool.connect();
  await client.query("begin");
  const id = await queue.app([task]).defer(task, { n: 1 }, { tx: client, queueingLock: "a" });
  const end = async (how: "commit" | "rollback"): Promise<void> => {
    await client.query(how);
    client.release();
  };
  return { id, end };
}

describe("many callers at once on one queueing lock", () => {
  test("make one job, and all but one are refused", async () => {
    const outcomes = await callAll("throw");
    const [job, ...more] = await queue.jobs();
    expect(more).toEqual([]);
    expect(outcomes.filter((outcome) => outcome === job?.id)).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "already_enqueued")).toHaveLength(CALLERS - 1);
  });

  test.each<OnConflict>(["ignore", "replace"])("make one job and all get its id: %s", async (onConflict) => {
    const outcomes = await callAll(onConflict);
    const [job, ...more] = await queue.jobs();
    expect(more).toEqual([]);
    expect(new Set(outcomes)).toEqual(new Set([job?.id]));
  });

  test.each<OnConflict>(["ignore", "replace"])(
    "each get the id of a job that is there, while workers start these: %s",
    async (onConflict) => {
      let working = true;
      let started = 0;
      const start = "update procrastinate_jobs set status = 'doing', queueing_key = null where queueing_key = 'a'";
      const worker = (async () => {
        while (working) started += (await queue.pool.query(start)).rowCount ?? 0;
      })();
      const outcomes: (bigint | string)[] = [];
      while (started < 20) outcomes.push(...(await callAll(onConflict)));
      working = false;
      await worker;
      const jobs = await queue.jobs();
      const ids = new Set<unknown>(jobs.map((job) => job.id));
      expect(outcomes.filter((outcome) => !ids.has(outcome))).toEqual([]);
      expect(new Set(outcomes)).toEqual(ids);
      expect(jobs.filter((job) => job.queueingKey !== null).length).toBeLessThanOrEqual(1);
    },
  );
});

describe("while another transaction has deferred under the queueing lock", () => {
  test.each<[OnConflict, string]>([
    ["throw", "already_enqueued"],
    ["ignore", "its id"],
    ["replace", "its id"],
  ])("a caller waits for its commit: %s gives %s", async (onConflict, expected) => {
    const holder = await holdKey();
    const call = queue
      .app([task])
      .defer(task, { n: 2 }, { queueingLock: "a", onConflict })
      .catch((error) => error.code);
    await queue.untilBlocked();
    await holder.end("commit");
    expect(await call).toBe(expected === "its id" ? holder.id : expected);
    expect(await queue.jobs()).toMatchObject([{ id: holder.id, args: { n: onConflict === "replace" ? 2 : 1 } }]);
  });

  test.each<OnConflict>(["throw", "ignore", "replace"])(
    "a caller goes on when that rolls back: %s",
    async (onConflict) => {
      const holder = await holdKey();
      const call = queue.app([task]).defer(task, { n: 2 }, { queueingLock: "a", onConflict });
      await queue.untilBlocked();
      await holder.end("rollback");
      expect(await call).not.toBe(holder.id);
      expect(await queue.jobs()).toMatchObject([{ id: await call, args: { n: 2 } }]);
    },
  );

  test("a caller in a transaction waits in the same way, and can go on", async () => {
    const holder = await holdKey();
    const call = queue.transaction(async (tx) => {
      const app = queue.app([task]);
      await expect(app.defer(task, { n: 2 }, { tx, queueingLock: "a" })).rejects.toThrow(AlreadyEnqueuedError);
      return app.defer(task, { n: 3 }, { tx });
    });
    await queue.untilBlocked();
    await holder.end("commit");
    const id = await call;
    expect((await queue.jobs()).map((job) => job.id)).toEqual([holder.id, id]);
  });

  test("callers without a lock, or with another one, do not wait", async () => {
    const app = queue.app([task]);
    const holder = await holdKey();
    const waiting = app.defer(task, { n: 2 }, { queueingLock: "a" }).catch((error) => error.code);
    const batch = app.batchDefer(task, [{ n: 3 }], { queueingLock: "a" }).catch((error) => error.code);
    await queue.untilBlocked(2);
    const ids = [await app.defer(task, { n: 4 }), await app.defer(task, { n: 5 }, { queueingLock: "b" })];
    expect((await queue.jobs()).map((job) => job.id)).toEqual(ids);
    await holder.end("commit");
    expect(await Promise.all([waiting, batch])).toEqual(["already_enqueued", "already_enqueued"]);
    expect(await queue.jobs()).toHaveLength(3);
  });
});

describe.each(["repeatable read", "serializable"])("in a transaction that is %s", (level) => {
  /** A transaction whose snapshot is taken before `before` is done, then `work`. */
  async function inSnapshot<T>(before: () => Promise<unknown>, work: (tx: pg.PoolClient) => Promise<T>): Promise<T> {
    const tx = await queue.pool.connect();
    try {
      await tx.query(`begin isolation level ${level}`);
      await tx.query("select count(*) from procrastinate_jobs");
      await before();
      const result = await work(tx);
      await tx.query("commit");
      return result;
    } catch (error) {
      await tx.query("rollback");
      throw error;
    } finally {
      tx.release();
    }
  }

  const nothing = async (): Promise<void> => undefined;

  test("a waiting job that it sees is a conflict as everywhere, and it can go on", async () => {
    const app = queue.app([task]);
    const first = await app.defer(task, { n: 1 }, { queueingLock: "a" });
    const ids = await inSnapshot(nothing, async (tx) => {
      await expect(app.defer(task, { n: 2 }, { tx, queueingLock: "a" })).rejects.toThrow(AlreadyEnqueuedError);
      return [
        await app.defer(task, { n: 3 }, { tx, queueingLock: "a", onConflict: "ignore" }),
        await app.defer(task, { n: 4 }, { tx, queueingLock: "a", onConflict: "replace" }),
      ];
    });
    expect(ids).toEqual([first, first]);
    expect(await queue.jobs()).toMatchObject([{ args: { n: 4 } }]);
  });

  test.each<OnConflict>(["throw", "ignore", "replace"])(
    "a job that it cannot see yet is a serialization failure, for the caller to repeat it all: %s",
    async (onConflict) => {
      const app = queue.app([task]);
      const later = (): Promise<bigint> => app.defer(task, { n: 1 }, { queueingLock: "a" });
      const failure = inSnapshot(later, async (tx) => {
        await app.defer(task, { n: 2 }, { tx });
        await app.defer(task, { n: 3 }, { tx, queueingLock: "a", onConflict });
      });
      await expect(failure).rejects.toThrow(DatabaseError);
      await expect(failure).rejects.toMatchObject({ sqlState: "40001", isTransient: true });
      expect(await queue.jobs()).toMatchObject([{ args: { n: 1 } }]);
    },
  );
});

test("sessions that are serializable by default show no serialization failure to callers outside a transaction", async () => {
  const strict = await openTestQueue({ settings: { default_transaction_isolation: "serializable" } });
  try {
    const { rows } = await strict.pool.query("show transaction_isolation");
    expect(rows).toEqual([{ transaction_isolation: "serializable" }]);
    const app = strict.app([task]);
    const calls = Array.from({ length: 60 }, (_none, n) => {
      const onConflict = (["throw", "ignore", "replace"] as const)[n % 3] ?? "throw";
      return app.defer(task, { n }, { queueingLock: `key ${n % 2}`, onConflict }).catch((error) => error.code);
    });
    const batches = Array.from({ length: 10 }, async (_none, n) => {
      const made = await app.batchDefer(task, [{ n }], { queueingLock: "batch" }).catch((error) => [error.code]);
      return made[0];
    });
    const plain = Array.from({ length: 20 }, (_none, n) => app.batchDefer(task, [{ n }, { n }]));
    const outcomes = await Promise.all([...calls, ...batches]);
    const failures = outcomes.filter((outcome) => typeof outcome !== "bigint" && outcome !== "already_enqueued");
    expect(failures).toEqual([]);
    expect((await Promise.all(plain)).flat()).toHaveLength(40);
    const keys = (await strict.jobs()).flatMap((job) => job.queueingKey ?? []);
    expect(keys.sort()).toEqual(["batch", "key 0", "key 1"]);
  } finally {
    await strict.close();
  }
});
