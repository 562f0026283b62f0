import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { defineTask } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { FAST, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

const ran: string[] = [];
const task = defineTask({ name: "t", run: (_args, { job }) => ran.push(job.queue) });
beforeEach(() => {
  ran.length = 0;
});

/** Jobs in many queues, `rows` in each, by one statement. */
const fill = (name: string, count: number, { status = "todo", rows = 1 } = {}) =>
  queue.pool.query(
    `with living as (insert into procrastinate_workers (last_heartbeat) values (now() + interval '1 hour') returning id)
     insert into procrastinate_jobs (queue_name, task_name, status, worker_id)
     select $1 || n, 't', $2::procrastinate_job_status, case when $2 = 'doing' then (select id from living) end
     from generate_series(1, $3::int) n, generate_series(1, $4::int)`,
    [name, status, count, rows],
  );

test("wait: false works off a job behind many queues whose jobs all run elsewhere", async () => {
  await fill("busy", 300, { status: "doing" });
  const app = queue.app([task]);
  await app.defer(task, {}, { queue: "last" });
  await app.createWorker({ ...FAST, wait: false }).run();
  expect(ran).toEqual(["last"]);
});

test("wait: false looks also into queues whose many running jobs may hide a waiting one", async () => {
  await fill("busy", 100, { status: "doing", rows: 120 });
  const app = queue.app([task]);
  for (const name of ["busy1", "busy50", "busy99"]) await app.defer(task, {}, { queue: name });
  await app.createWorker({ ...FAST, wait: false }).run();
  expect(ran.toSorted()).toEqual(["busy1", "busy50", "busy99"]);
});

test("wait: false works off the jobs of thousands of queues", async () => {
  await fill("q", 2500);
  const app = queue.app([task]);
  await app.createWorker({ ...FAST, wait: false, concurrency: 50 }).run();
  expect(new Set(ran).size).toBe(2500);
});

test("the job with the highest priority runs first, in whatever of many queues it waits", async () => {
  await fill("q", 300);
  const app = queue.app([task]);
  await app.defer(task, {}, { queue: "zz", priority: 5 });
  await app.defer(task, {}, { queue: "zzz", priority: 9 });
  await app.createWorker({ ...FAST, wait: false, maxPrefetch: 0 }).run();
  expect(ran.slice(0, 2)).toEqual(["zzz", "zz"]);
  expect(ran).toHaveLength(302);
});

test("a worker for many queues looks into these alone, beside thousands of others", async () => {
  await fill("theirs", 3000);
  const ours = Array.from({ length: 150 }, (_, n) => `zours${n}`);
  const app = queue.app([task]);
  for (const name of ours.slice(100)) await app.defer(task, {}, { queue: name });
  await app.createWorker({ ...FAST, wait: false, queues: ours }).run();
  expect(ran.toSorted()).toEqual(ours.slice(100).toSorted());
  expect(queue.sent).not.toContain("list_ready_queues");
  expect(queue.sent.filter((name) => name === "probe_queues").length).toBeLessThan(10);
});

test("a job in a queue that is new is started while hundreds of queues have jobs that run for long", async () => {
  await fill("busy", 300, { status: "doing" });
  const app = queue.app([task]);
  await using _worker = startWorker(app, { pollingInterval: { seconds: 60 } });
  await until(async () => (await queue.pool.query("select 1 from procrastinate_workers where idle")).rowCount !== 0);
  await app.defer(task, {}, { queue: "new" });
  await until(() => ran.length === 1);
});
