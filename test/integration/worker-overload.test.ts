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
