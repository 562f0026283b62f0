import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createApp, defineTask, silentLogger, type WorkerOptions } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { gate, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(async () => {
  await queue.clear();
  await queue.pool.query("delete from procrastinate_workers");
});
afterAll(() => queue.close());

const ran: number[] = [];
const task = defineTask({ name: "t", run: ({ n }: { n: number }) => ran.push(n) });
beforeEach(() => {
  ran.length = 0;
});

/** A worker that polls once a minute, after some quick polls when it goes idle. */
const SLEEPY: WorkerOptions = { pollingInterval: { seconds: 60 } };
const isIdle = async (): Promise<boolean> =>
  (await queue.pool.query("select 1 from procrastinate_workers where idle")).rowCount !== 0;
/** As if an idle worker for these queues were there, for an hour, and were not taken for dead: what is sent to it, `heard` hears. */
const pretendIdle = (queues: string | null = null) =>
  queue.pool.query(
    "insert into procrastinate_workers (idle, queues, last_heartbeat) values (true, $1::text[], now() + interval '1 hour')",
    [queues],
  );

/** What is notified while `work` runs. */
async function heard(work: () => Promise<unknown>): Promise<string[]> {
  const client = new pg.Client({ connectionString: queue.url });
  const payloads: string[] = [];
  client.on("notification", ({ payload }) => payloads.push(payload ?? ""));
  await client.connect();
  await client.query("listen procrastinate_jobs");
  await work();
  // A notification of its own comes after all that were sent before.
  await queue.pool.query("select pg_notify('procrastinate_jobs', '\"end\"')");
  await until(() => payloads.includes('"end"'));
  await client.end();
  return payloads.filter((payload) => payload !== '"end"');
}

test("a sleeping worker starts a job as soon as it is notified, long before its next poll", async () => {
  const app = queue.app([task]);
  const started = startWorker(app, SLEEPY);
  await using _worker = started;
  await until(isIdle);
  // It polls after 10, 20, 40 ms …: the tenth time 2.5 s after the ninth.
  const looks = (): number => queue.sent.filter((name) => name === "list_ready_queues").length;
  await until(() => looks() >= 9);
  const start = performance.now();
  await app.defer(task, { n: 1 });
  await until(() => ran.length === 1);
  expect(performance.now() - start).toBeLessThan(1500);
});

test("all ways of deferring notify an idle worker: alone, in a batch, in a transaction, as a replacement", async () => {
  const app = queue.app([task]);
  await pretendIdle();
  await app.defer(task, { n: 0 }, { queueingLock: "q", scheduleIn: { hours: 1 } });
  const ways = [
    () => app.defer(task, { n: 1 }),
    () => app.batchDefer(task, [{ n: 2 }]),
    () => queue.transaction((tx) => app.defer(task, { n: 3 }, { tx })),
    () => app.defer(task, { n: 4 }, { queueingLock: "q", onConflict: "replace" }),
  ];
  for (const [n, defer] of ways.entries()) {
    const payloads = await heard(defer);
    const { id } = (await queue.jobs()).at(-1) ?? {};
    // One that replaces another may have a lock, or wait for its time.
    const told = n === 3 ? {} : { job: String(id) };
    expect(payloads.map((payload) => JSON.parse(payload))).toEqual([{ queue: "default", delayMs: 0, ...told }]);
  }
});

test("a transaction that is rolled back notifies nobody", async () => {
  const app = queue.app([task]);
  await pretendIdle();
  const rolledBack = () =>
    queue
      .transaction(async (tx) => {
        await app.defer(task, { n: 1 }, { tx });
        throw new Error("roll back");
      })
      .catch(() => undefined);
  expect(await heard(rolledBack)).toEqual([]);
});

test("what a worker lets run for others is notified to them: promoted, tried again in their queue, given back", async () => {
  const held = gate();
  const other = defineTask({
    name: "other",
    retry: { decide: () => ({ queue: "default", lock: null }) },
    run: async ({ how }: { how: string }, { signal }) => {
      if (how === "retry") throw new Error("to the other queue");
      if (how === "hold") await held.opened;
      else await new Promise((_resolve, reject) => signal.addEventListener("abort", reject));
    },
  });
  const app = queue.app([task, other]);
  await pretendIdle("{default}");
  const theirs = { queue: "theirs" };
  await using started = startWorker(app, { queues: ["theirs"], shutdownGrace: { milliseconds: 0 }, concurrency: 3 });
  await app.defer(other, { how: "hold" }, { ...theirs, lock: "l" });
  await until(async () => (await queue.jobs())[0]?.status === "doing");
  await app.defer(task, { n: 1 }, { lock: "l" });
  await queue.pool.query("update procrastinate_jobs set ready = false where status = 'todo'");
  const promoted = async (): Promise<void> => {
    held.open();
    await until(async () => (await queue.jobs())[1]?.ready);
  };
  const toDefault = '{"queue" : "default", "delayMs" : 0}';
  expect(await heard(promoted)).toContain(toDefault);
  const retried = async (): Promise<void> => {
    await app.defer(other, { how: "retry" }, theirs);
    await until(async () => (await queue.jobs())[2]?.queue === "default");
  };
  expect(await heard(retried)).toContain(toDefault);
  await app.defer(other, { how: "stop" }, theirs);
  await until(async () => (await queue.jobs())[3]?.status === "doing");
  await queue.pool.query("update procrastinate_workers set queues = null where idle");
  expect(await heard(() => started.worker.stop())).toContain('{"queue" : "theirs", "delayMs" : 0}');
});

test("nothing is notified while nobody is idle, or only workers of other queues are", async () => {
  const app = queue.app([task]);
  expect(await heard(() => app.batchDefer(task, [{ n: 1 }, { n: 2 }]))).toEqual([]);
  await pretendIdle("{other}");
  expect(await heard(() => app.defer(task, { n: 3 }))).toEqual([]);
  const others = { queue: "other" };
  let id = 0n;
  const told = await heard(async () => {
    id = await app.defer(task, { n: 4 }, { ...others, lock: "l" });
  });
  expect(told).toEqual([`{"queue":"other","delayMs":0,"lockedJob":"${id}"}`]);
});

test("one notification per queue is sent for a batch, with the delay of the earliest job", async () => {
  const app = queue.app([task]);
  await pretendIdle();
  expect(await heard(() => app.batchDefer(task, Array(500).fill({ n: 0 })))).toEqual([
    '{"queue" : "default", "delayMs" : 0}',
  ]);
  const [later] = await heard(() => app.defer(task, { n: 0 }, { scheduleIn: { seconds: 90 } }));
  const { queue: name, delayMs } = JSON.parse(later ?? "{}");
  expect(name).toBe("default");
  expect(delayMs).toBeGreaterThan(80_000);
  // From the start of the transaction, a little before the moment from which the schedule counts.
  expect(delayMs).toBeLessThan(91_000);
});

test("a worker whose slots are taken says that it is busy, and idle again when one is free", async () => {
  const gates = [gate(), gate()];
  const long = defineTask({ name: "long", run: ({ n }: { n: number }) => gates[n]?.opened });
  const app = queue.app([long]);
  await using _worker = startWorker(app, { ...SLEEPY, concurrency: 2 });
  await until(isIdle);
  await app.defer(long, { n: 0 });
  await until(async () => (await queue.jobs())[0]?.status === "doing");
  await app.defer(long, { n: 1 });
  await until(async () => !(await isIdle()));
  gates[0]?.open();
  await until(isIdle);
  gates[1]?.open();
});

test.each([
  "",
  "null",
  "[]",
  "{",
  '{"abort":"nonsense"}',
  '{"abort":"99999999999999999999999"}',
  '{"queue":"\\u0000"}',
  '{"queue":""}',
  '{"delayMs":1e300}',
  '{"delayMs":-1}',
  '{"promote":""}',
  '{"promote":"\\u0000"}',
  '{"sweep":true}',
  `{"queue":"${"x".repeat(7000)}"}`,
])("the payload %j does a worker no harm", async (payload) => {
  const errors: unknown[] = [];
  const logger = { ...silentLogger, error: (fields: object) => errors.push(fields) };
  const app = createApp({ connector: queue.connector, tasks: [task], logger });
  const started = startWorker(app, SLEEPY);
  await using _worker = started;
  await new Promise((resolve) => started.worker.on("listening", resolve));
  await queue.pool.query("select pg_notify('procrastinate_jobs', $1)", [payload]);
  await app.defer(task, { n: 1 });
  await until(() => ran.length === 1);
  expect(started.worker.isHealthy).toBe(true);
  expect(errors).toEqual([]);
});

test("a flood of notifications makes a worker look often, not in vain for each", async () => {
  const app = queue.app([task]);
  await using _worker = startWorker(app, SLEEPY);
  await until(isIdle);
  queue.sent.length = 0;
  await queue.pool.query(
    `select pg_notify('procrastinate_jobs', '{"queue":"default","n":' || n || '}') from generate_series(1, 5000) n`,
  );
  await app.defer(task, { n: 1 });
  await until(() => ran.length === 1);
  expect(queue.sent.length).toBeLessThan(1000);
});
