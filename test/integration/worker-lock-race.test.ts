import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { defineTask } from "../../src/index.ts";
import { fetchLockedJobs } from "../../src/sql/fetch-locked-jobs.ts";
import { queueSql, tableNames } from "../../src/sql/statement.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

const REGISTER =
  "insert into procrastinate_workers (last_heartbeat) values (now() + interval '1 hour') returning id::text";
const FETCH = { queues: ["default"], limit: 1, window: 10, followers: 0, ownFollowers: 0 };

interface Race extends AsyncDisposable {
  readonly ran: string[];
  readonly lost: unknown[];
  /** One more job, without a lock. */
  readonly defer: (name: string) => Promise<bigint>;
}

/** A worker that is in the middle of its claim, and another one that fetches meanwhile. */
async function race(end: "commits" | "rolls back"): Promise<Race> {
  const ran: string[] = [];
  const lost: unknown[] = [];
  const task = defineTask({ name: "t", run: ({ name }: { name: string }) => ran.push(name) });
  const app = queue.app([task]);
  await app.defer(task, { name: "lower" }, { lock: "l" });
  const { rows } = await queue.pool.query(REGISTER);
  const client = await queue.pool.connect();
  await client.query("begin");
  const sql = queueSql(queue.connector.using(client), tableNames());
  const { jobs } = await fetchLockedJobs(sql, { ...FETCH, workerId: BigInt(rows[0].id) });
  expect(jobs.map(({ args }) => args["name"])).toEqual(["lower"]);
  await app.defer(task, { name: "higher" }, { lock: "l", priority: 5 });
  await app.defer(task, { name: "other" }, { lock: "m" });
  const started = startWorker(app);
  started.worker.on("database_lost", ({ error }) => lost.push(error));
  await queue.untilBlocked();
  await client.query(end === "commits" ? "commit" : "rollback");
  client.release();
  const defer = (name: string) => app.defer(task, { name });
  return { ran, lost, defer, [Symbol.asyncDispose]: () => started[Symbol.asyncDispose]() };
}

test("a job of higher priority that is deferred while another of its lock is claimed waits for that one, and holds up no other", async () => {
  await using raced = await race("commits");
  await until(() => raced.ran.includes("other"));
  // It looks again, and runs what comes after that one.
  for (const name of ["second", "third"]) {
    await raced.defer(name);
    await until(() => raced.ran.includes(name));
  }
  expect([raced.ran, raced.lost]).toEqual([["other", "second", "third"], []]);
});

test("it goes first where that claim is taken back", async () => {
  await using raced = await race("rolls back");
  await until(() => raced.ran.length === 3);
  expect(raced.ran.filter((name) => name !== "other")).toEqual(["higher", "lower"]);
  expect(raced.lost).toEqual([]);
});
