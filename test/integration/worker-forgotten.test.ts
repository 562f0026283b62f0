import pg from "pg";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { listenOnPool } from "../../src/driver/listen-pg.ts";
import { listenWithPostgresJs } from "../../src/driver/listen-postgres-js.ts";
import { ignoreErrors } from "../../src/driver/survive-loss.ts";
import { defineTask } from "../../src/index.ts";
import { startClockedWorker } from "../support/clocked-worker.ts";
import { type Network, startProxy } from "../support/proxy.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { gate } from "../support/worker-run.ts";

let queue: TestQueue;
let network: Network;
const undo: (() => unknown)[] = [];
beforeAll(async () => {
  queue = await openTestQueue();
  network = await startProxy(queue.url);
});
beforeEach(() => queue.clear());
afterEach(async () => {
  for (const each of undo.splice(0).toReversed()) await each();
});
afterAll(async () => {
  await network.close();
  await queue.close();
});

function openPool(max: number): pg.Pool {
  const pool = new pg.Pool({ connectionString: network.url, max });
  ignoreErrors(pool);
  undo.push(() => pool.end());
  return pool;
}

type Listen = NonNullable<TestQueue["connector"]["listen"]>;

/** How a worker listens through the network, while all its statements go past it. */
const NODE_POSTGRES = (): Listen => {
  const pool = openPool(2);
  return (channel, handler) => listenOnPool(pool, channel, handler);
};
const POSTGRES_JS = (): Listen => {
  const sql = postgres(network.url, { max: 1, onnotice: () => undefined });
  undo.push(() => sql.end({ timeout: 1 }));
  return (channel, handler) => listenWithPostgresJs(sql, channel, handler);
};
const DRIVERS: [string, open: () => Listen, reconnects: boolean][] = [
  ["node-postgres", NODE_POSTGRES, false],
  ["postgres.js", POSTGRES_JS, true],
];

/** A worker on a clock that stands still, and what it said and heard. Waits until it has heard so much. */
async function start(listen: Listen, heard = 1) {
  const said: string[] = [];
  const count = { heard: 0, idle: 0 };
  let mayListen = Promise.resolve();
  const connector: TestQueue["connector"] = {
    ...queue.connector,
    async listen(channel, handler) {
      await mayListen;
      const onNotification = (payload: string): void => {
        count.heard++;
        handler.onNotification(payload);
      };
      return listen(channel, { ...handler, onNotification });
    },
  };
  const task = defineTask({ name: "t", run: () => said.push("ran") });
  const app = queue.app([task], { connector });
  const { worker, clock, [Symbol.asyncDispose]: stop } = startClockedWorker(queue, [task], { connector });
  undo.push(stop);
  for (const name of ["listening", "listen_lost", "listen_failed"] as const) worker.on(name, () => said.push(name));
  worker.on("listening", () => {
    count.idle = 0;
  });
  worker.on("idle", () => count.idle++);
  // It has also looked for what was notified before it listened.
  await until(() => count.heard === heard && count.idle > 0);
  const hold = (held: Promise<void>): void => {
    mayListen = held;
  };
  return { app, task, clock, said, count, hold };
}

const echoes = (): number => queue.sent.filter((name) => name === "notify_echo").length;

test.each(DRIVERS)(
  "%s: a listening connection that is forgotten is found out, and the worker listens anew",
  async (_driver, open, reconnects) => {
    const { app, task, clock, said, count } = await start(open());
    const giveUp = network.forget();
    undo.push(giveUp);
    await until(() => {
      clock.pass(1000);
      return said.includes("listen_lost");
    });
    // What postgres.js finds out by itself, with TCP keep-alive.
    if (reconnects) giveUp();
    await until(() => said.at(-1) === "listening" && count.heard === 2 && count.idle > 0);
    await app.defer(task);
    await until(() => said.includes("ran"));
    expect(said).toEqual(["listening", "listen_lost", "listening", "ran"]);
  },
);

test("a connection that nothing was ever heard on is said once, and replaced in silence until something is heard", async () => {
  const listen = NODE_POSTGRES();
  let isDeaf = true;
  const { app, task, clock, said, count } = await start((channel, handler) => {
    return listen(channel, isDeaf ? { ...handler, onNotification: () => undefined } : handler);
  }, 0);
  await until(() => {
    clock.pass(1000);
    return said.length === 3;
  });
  isDeaf = false;
  await until(() => {
    clock.pass(1000);
    return said.length === 4;
  });
  await until(() => count.heard === 1 && count.idle > 0);
  expect(clock.now()).toBeGreaterThan(2 * 25_000);
  await app.defer(task);
  await until(() => said.includes("ran"));
  expect(said).toEqual(["listening", "listen_failed", "listening", "listening", "ran"]);
});

test("what is deferred and committed while the listening connection is lost begins once there is another one", async () => {
  const { app, task, said, hold } = await start(NODE_POSTGRES());
  const held = gate();
  hold(held.opened);
  network.forget()();
  await until(() => said.includes("listen_lost"));
  await queue.transaction((tx) => app.defer(task, {}, { tx }));
  held.open();
  await until(() => said.includes("ran"));
  expect(said).toEqual(["listening", "listen_lost", "listening", "ran"]);
});

test("a connection is tried after some 30 seconds in which nothing was heard on it", async () => {
  const { clock, said, count } = await start(NODE_POSTGRES());
  clock.pass(25_000);
  await queue.pool.query("select pg_notify('procrastinate_jobs', '{}')");
  await until(() => count.heard === 2);
  clock.pass(1000);
  await queue.pool.query("select 1");
  clock.pass(24_000);
  await queue.pool.query("select 1");
  expect(echoes()).toBe(1);
  clock.pass(1000);
  await until(() => count.heard === 3);
  expect(echoes()).toBe(2);
  clock.pass(24_000);
  await queue.pool.query("select 1");
  expect(echoes()).toBe(2);
  expect(said).toEqual(["listening"]);
});

test("LISTEN is given up over a pooled connection that was forgotten, and answered over the next one", async () => {
  const pool = openPool(2);
  await pool.query("select 1");
  undo.push(network.forget());
  let listening = 0;
  const nothing = (): void => undefined;
  const handler = { onListening: () => listening++, onNotification: nothing, onLost: nothing };
  await expect(listenOnPool(pool, "some", handler, 50)).rejects.toThrow("LISTEN was not answered within 50 ms");
  expect([pool.totalCount, listening]).toEqual([0, 0]);
  const unlisten = await listenOnPool(pool, "some", handler);
  expect(listening).toBe(1);
  await unlisten?.();
});
