import { setImmediate as nextTurn } from "node:timers/promises";
import type { PoolClient } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Connector } from "../../src/connector.ts";
import { createApp, defineTask, silentLogger } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { gate, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
afterAll(() => queue.close());

test("a worker whose outcomes are written slowly stops starting jobs, and goes on by itself once they are", async () => {
  const slow = gate();
  let isHeld = false;
  const connector: Connector<PoolClient> = {
    ...queue.connector,
    pool: {
      async query(statement, values) {
        // After some quick ones, so that it has learned to fetch ahead.
        isHeld ||= statement.name === "finish_jobs" && ran > 2000;
        if (isHeld && statement.name === "finish_jobs") await slow.opened;
        return queue.connector.pool.query(statement, values);
      },
    },
  };
  let ran = 0;
  const task = defineTask({ name: "t", run: () => ++ran });
  const app = createApp({ connector, tasks: [task], logger: silentLogger });
  const count = 12_000;
  await app.batchDefer(
    task,
    Array.from({ length: count }, () => ({})),
  );
  await using _worker = startWorker(app, { pollingInterval: { seconds: 60 }, stalledAfter: { seconds: 60 } });
  let before = -1;
  await until(() => {
    const isStanding = isHeld && ran === before;
    before = ran;
    return isStanding;
  });
  expect(ran).toBeLessThan(count);
  slow.open();
  await until(async () => (await queue.jobs()).every(({ status }) => status === "succeeded"), { timeoutMs: 20_000 });
  expect(ran).toBe(count);
});

test("jobs whose claim took longer than they may wait here are run, not given back", async () => {
  let ran = 0;
  let blocked = 0;
  const connector: Connector<PoolClient> = {
    ...queue.connector,
    pool: {
      async query(statement, values) {
        const rows = await queue.connector.pool.query<never>(statement, values);
        const jobs = (rows as readonly { jobs?: unknown }[])[0]?.jobs;
        // Once it has learned to fetch ahead: a process that reads large arguments does nothing else meanwhile.
        if (blocked === 0 && statement.name.startsWith("fetch_jobs") && ran === 2000 && typeof jobs === "string") {
          blocked++;
          const until = performance.now() + 1_200;
          while (performance.now() < until);
        }
        return rows;
      },
    },
  };
  const task = defineTask({
    name: "in turns",
    run: async () => {
      await nextTurn();
      ran++;
    },
  });
  const app = createApp({ connector, tasks: [task], logger: silentLogger });
  const some = Array.from({ length: 2000 }, () => ({}));
  await app.batchDefer(task, some);
  // Not taken for dead by itself after that: what may be rescued is not started.
  const alive = { heartbeatInterval: { minutes: 1 }, stalledAfter: { minutes: 5 } };
  await using _worker = startWorker(app, { concurrency: 10, ...alive });
  await until(() => ran === 2000);
  // Few, so that they are not still waiting when a second has passed.
  await app.batchDefer(task, some.slice(0, 500));
  await until(() => ran === 2500);
  expect(blocked).toBe(1);
  const { rows } = await queue.pool.query(
    "select count(*)::int from procrastinate_jobs where task_name = 'in turns' and lease > 1",
  );
  expect(rows).toEqual([{ count: 0 }]);
});
