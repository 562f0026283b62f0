import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { DatabaseError } from "../../src/database-error.ts";
import { defineTask, type SqlStatement, type SqlValue } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

const task = defineTask<{ n?: number }>({ name: "t" });
const SERIALIZATION = Object.assign(new Error("could not serialize access"), { code: "40001" });
const LOST = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });

/** An app for which a statement fails once, after something else has happened. */
function appThatFails(name: string, error: Error, meanwhile: () => Promise<unknown> = async () => undefined) {
  let failed = false;
  const pool = {
    query: async <Row extends object>(statement: SqlStatement, values: readonly SqlValue[]) => {
      if (statement.name !== name || failed) return queue.connector.pool.query<Row>(statement, values);
      failed = true;
      await meanwhile();
      throw new DatabaseError(name, error);
    },
  };
  return { app: queue.app([task], { connector: { ...queue.connector, pool } }), hasFailed: () => failed };
}

test("a replacement is written once, also when letting go of its former lock fails and the job is claimed meanwhile", async () => {
  const claim = `update procrastinate_jobs set status = 'doing', lease = 1, started_at = now(), queueing_key = null
    where queueing_lock = 'a'`;
  const { app, hasFailed } = appThatFails("promote_locks", SERIALIZATION, () => queue.pool.query(claim));
  const id = await app.defer(task, { n: 1 }, { queueingLock: "a", lock: "old" });
  const again = { queueingLock: "a", lock: "new", onConflict: "replace" } as const;
  expect(await app.defer(task, { n: 2 }, again)).toBe(id);
  expect(hasFailed()).toBe(true);
  expect((await queue.jobs()).map(({ args }) => args)).toEqual([{ n: 2 }]);
});

type Deletion = (app: ReturnType<TestQueue["app"]>, id: bigint) => Promise<unknown>;
const byDelete: Deletion = (app, id) => app.jobs.delete(id);
const byCancel: Deletion = (app, id) => app.jobs.cancel(id, { delete: true });

test.each([
  ["a serialization failure", SERIALIZATION, byDelete],
  ["a lost connection", LOST, byDelete],
  ["a serialization failure", SERIALIZATION, byCancel],
])("a deletion has happened, also when %s keeps its last events from being deleted", async (_what, error, how) => {
  const { app, hasFailed } = appThatFails("delete_events", error);
  const id = await app.defer(task, { n: 1 }, { lock: "a" });
  const next = await app.defer(task, { n: 2 }, { lock: "a" });
  // As a worker leaves a job that is not the head of its lock.
  await queue.pool.query("update procrastinate_jobs set ready = false where id = $1", [next]);
  await how(app, id);
  expect(hasFailed()).toBe(true);
  expect((await queue.jobs()).map((job) => [job.id, job.ready])).toEqual([[next, true]]);
});

test("a change has happened, also when the connection is lost before the next job of its lock is let run", async () => {
  const { app, hasFailed } = appThatFails("promote_locks", LOST);
  const id = await app.defer(task, { n: 1 }, { lock: "a" });
  expect(await app.jobs.cancel(id)).toBe("cancelled");
  expect(hasFailed()).toBe(true);
});
