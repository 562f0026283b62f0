import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { defineTask } from "../../src/index.ts";
import { runDueJobs } from "../../src/testing/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { FAST } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

const ran: number[] = [];
const task = defineTask({ name: "t", run: ({ n }: { n: number }) => ran.push(n) });
beforeEach(() => {
  ran.length = 0;
});
const edit = (set: string) => queue.pool.query(`update procrastinate_jobs set ${set}`);

test.each<[string, string | null, string]>([
  ["a finished job that is let wait again, without being made ready", null, "status = 'todo', finished_at = null"],
  ["a job behind its lock whose lock is taken away", "l", "lock = null"],
  ["a job that is to be woken at the end of time", "l", "wake_at = 'infinity'"],
  ["a job that is scheduled for the end of time", null, "scheduled_at = 'infinity'"],
])("the tables refuse what no worker would find: %s", async (_what, lock, set) => {
  const isFinished = set.startsWith("status");
  await queue.pool.query(
    "insert into procrastinate_jobs (task_name, lock, ready, status, finished_at) values ('t', $1, $2, $3, $4)",
    [lock, lock === null && !isFinished, isFinished ? "failed" : "todo", isFinished ? new Date() : null],
  );
  await expect(edit(set)).rejects.toMatchObject({ code: "23514" });
});

test.each<[string, object]>([
  ["behind its lock", { lock: "l" }],
  ["scheduled", { scheduleIn: { hours: 1 } }],
  ["scheduled with a lock", { lock: "l", scheduleIn: { hours: 1 } }],
  ["ready", {}],
])("a waiting job, %s, that is edited and made ready is found and put where it belongs", async (_what, options) => {
  const app = queue.app([task]);
  await app.defer(task, { n: 1 }, options);
  await edit("ready = lock is null and scheduled_at is null");
  await edit("priority = 5, lock = 'other', queue_name = 'other', scheduled_at = null, ready = true, wake_at = null");
  await runDueJobs(app, FAST);
  expect(ran).toEqual([1]);
  await app.defer(task, { n: 2 }, options);
  const wait = "lock = null, scheduled_at = now() + interval '1 hour', ready = true, wake_at = null";
  await queue.pool.query(`update procrastinate_jobs set ${wait} where status = 'todo'`);
  await runDueJobs(app, FAST);
  expect(ran).toEqual([1]);
  const [, waiting] = await queue.jobs();
  expect(waiting).toMatchObject({ status: "todo", ready: false, wakeAt: waiting?.scheduledAt });
});
