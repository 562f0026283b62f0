import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { defineTask, type SqlStatement, type SqlValue } from "../../src/index.ts";
import { startClockedWorker } from "../support/clocked-worker.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { gate, QUICK_RESCUE, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue({ max: 20 });
});
beforeEach(async () => {
  await queue.clear();
  await queue.pool.query("delete from procrastinate_workers");
});
afterAll(() => queue.close());

const SILENT = { heartbeatInterval: { seconds: 30 }, stalledAfter: { seconds: 60 } };

test("jobs whose worker has no row any more are taken back like those of a dead one", async () => {
  let runs = 0;
  const task = defineTask({ name: "t", run: () => ++runs });
  const app = queue.app([task]);
  await app.batchDefer(task, [{}, {}, {}]);
  await queue.pool.query(
    `update procrastinate_jobs set status = 'doing', lease = 1, worker_id = 999999, started_at = now() - interval '1 hour'`,
  );
  await app.defer(task, {}, { lock: "l" });
  await queue.pool.query(
    `update procrastinate_jobs set status = 'doing', lease = 1, worker_id = null, started_at = now() - interval '1 hour', running_lock = 'l'
     where lock = 'l'`,
  );
  await using _worker = startWorker(app, QUICK_RESCUE);
  await until(() => runs === 4, { timeoutMs: 5000 });
});

test("a worker whose row is gone writes it anew with its next heartbeat, and is notified again", async () => {
  const task = defineTask({ name: "t", run: () => 1 });
  const app = queue.app([task]);
  await using _worker = startWorker(app, { queues: ["default", "other"], name: "phoenix" });
  const row = async () =>
    (await queue.pool.query("select id::text, name, queues, idle from procrastinate_workers")).rows[0];
  const before = await until(async () => {
    const found = await row();
    return found?.idle && found;
  });
  await queue.pool.query("delete from procrastinate_workers");
  await until(async () => (await row()) !== undefined);
  expect(await row()).toEqual(before);
});

test("a dead worker's row without jobs is removed, once, by whoever comes first", async () => {
  await queue.pool.query(
    "insert into procrastinate_workers (name, last_heartbeat) select 'dead', now() - interval '1 hour' from generate_series(1, 50)",
  );
  const app = queue.app([defineTask({ name: "t", run: () => 1 })]);
  const removed: bigint[] = [];
  const workers = [1, 2, 3].map(() => startWorker(app, QUICK_RESCUE));
  for (const { worker } of workers) worker.on("jobs_rescued", ({ workerIds }) => removed.push(...workerIds));
  await until(
    async () => (await queue.pool.query("select 1 from procrastinate_workers where name = 'dead'")).rowCount === 0,
  );
  await Promise.all(workers.map(({ worker }) => worker.stop()));
  expect(removed).toHaveLength(50);
  expect(new Set(removed).size).toBe(50);
});

test("a worker whose heartbeat is late but within the limit is left alone", async () => {
  const held = gate();
  let runs = 0;
  const task = defineTask({
    name: "t",
    run: () => {
      runs++;
      return held.opened;
    },
  });
  const app = queue.app([task]);
  await app.defer(task);
  await using _one = startWorker(app, SILENT);
  await until(() => runs === 1);
  await using _two = startWorker(app, { heartbeatInterval: { milliseconds: 50 }, stalledAfter: { seconds: 20 } });
  await queue.pool.query("update procrastinate_workers set last_heartbeat = now() - interval '15 s'");
  const looks = (): number => queue.sent.filter((name) => name === "list_stalled_workers").length;
  await until(() => looks() >= 1);
  held.open();
  await until(async () => (await queue.jobs())[0]?.status === "succeeded");
  expect(runs).toBe(1);
  expect((await queue.jobs())[0]?.attempts).toBe(1);
});

test("a worker whose machine was suspended looks up what it had claimed before it begins that", async () => {
  const [claimed, answer] = [gate(), gate()];
  const connector: typeof queue.connector = {
    ...queue.connector,
    pool: {
      async query<Row extends object>(statement: SqlStatement, values: readonly SqlValue[]) {
        const rows = await queue.connector.pool.query<Row>(statement, values);
        if (statement.name !== "fetch_jobs") return rows;
        claimed.open();
        await answer.opened;
        return rows;
      },
    },
  };
  const ran: number[] = [];
  const task = defineTask({ name: "t", run: ({ n }: { n: number }) => ran.push(n) });
  await queue.app([task]).batchDefer(task, [{ n: 1 }, { n: 2 }, { n: 3 }]);
  await using started = startClockedWorker(queue, [task], { connector, concurrency: 4 });
  const lost: unknown[] = [];
  started.worker.on("lease_lost", ({ job }) => lost.push(job.args));
  await claimed.opened;
  // Its own clock stands still, while another worker takes one of them.
  started.clock.setWall(2 * 3_600_000);
  await queue.pool.query("update procrastinate_jobs set lease = lease + 1, worker_id = 999 where args->>'n' = '2'");
  answer.open();
  await until(() => ran.length + lost.length === 3);
  expect([ran.toSorted(), lost]).toEqual([[1, 3], [{ n: 2 }]]);
});
