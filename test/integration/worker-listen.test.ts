import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Connector } from "../../src/connector.ts";
import { defineTask, type WorkerEventMap } from "../../src/index.ts";
import { pgConnector } from "../support/pg-connector.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { FAST } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
afterAll(() => queue.close());

const ran: number[] = [];
const task = defineTask({ name: "t", run: ({ n }: { n: number }) => ran.push(n) });
type Listen = NonNullable<Connector<pg.PoolClient>["listen"]>;

/** A worker whose connector listens like this, and what it said of that. */
function start(listen: Listen) {
  const app = queue.app([task], { connector: { ...queue.connector, listen } });
  const worker = app.createWorker(FAST);
  const said: string[] = [];
  const errors: WorkerEventMap["listen_failed"][] = [];
  worker.on("listening", () => said.push("listening"));
  worker.on("listen_lost", () => said.push("lost"));
  worker.on("listen_failed", (event) => {
    said.push("failed");
    errors.push(event);
  });
  const done = worker.run();
  return { app, said, errors, [Symbol.asyncDispose]: () => worker.stop().then(() => done) };
}

test("a connection to listen with that cannot be had is said once, until there is one; jobs run meanwhile", async () => {
  const { listen } = queue.connector;
  let tries = 0;
  await using run = start(async (...rest) => {
    tries++;
    if (tries < 3) throw new Error("too many clients");
    return listen?.(...rest);
  });
  await run.app.defer(task, { n: 1 });
  await until(() => ran.includes(1));
  await until(() => run.said.includes("listening"));
  expect(run.said).toEqual(["failed", "listening"]);
  expect(run.errors).toMatchObject([{ error: { message: "too many clients" } }]);
});

test("a listening connection of another database is found out", async () => {
  const elsewhere = new pg.Pool({ connectionString: queue.url.replace(/\/[^/?]+(?=\?|$)/, "/postgres") });
  try {
    await using run = start((...rest) => pgConnector(elsewhere).listen?.(...rest) ?? Promise.resolve(undefined));
    await until(() => run.said.includes("failed"));
    expect(run.said).toEqual(["listening", "failed"]);
    expect(String(run.errors[0]?.error)).toMatch(/another database, or goes through a pooler in transaction mode/);
  } finally {
    await elsewhere.end();
  }
});
