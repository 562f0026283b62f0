import type { RunnerOptions } from "graphile-worker";
import pg from "pg";
import { type Contender, type Payload, queues, type Session } from "../contender.ts";
import { type BusinessTx, createOrders, type Driver, drivers, openBusinessApp } from "./business.ts";
import { listenIdly } from "./idle-listener.ts";

type WorkerOptions = NonNullable<NonNullable<RunnerOptions["preset"]>["worker"]>;

const TASK = "noop";
const TABLES = "graphile-worker";

/** Here and in the other contenders: a process loads no more than its own contender, or memory would be measured wrong. */
async function load() {
  const graphileWorker = await import("graphile-worker");
  return { ...graphileWorker, silent: new graphileWorker.Logger(() => () => undefined) };
}

/** The fastest settings found for 0.18 on no-op jobs. */
const TUNED: WorkerOptions = {
  concurrentJobs: 24,
  maxPoolSize: 25,
  localQueue: { size: 500, refetchDelay: { durationMs: 10 } },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};
const DEFAULT: WorkerOptions = { concurrentJobs: 10 };

const SLOW = "it is too slow for so many jobs";
const SAME = "it does there what the tuned one does";

export const GRAPHILE_TUNED = "graphile-worker tuned";
export const GRAPHILE_DEFAULT = "graphile-worker default";

export const graphile: readonly Contender[] = [
  contender(GRAPHILE_TUNED, TUNED, {
    works: [
      "drain",
      // Where its jobs are in named queues, a batch takes one of each and then waits for its 2 s poll.
      "locks",
      "backlog",
      "latency",
      "schedule",
      "defer",
      "processes",
      "idle",
      "memory",
      "soak",
      "footprint",
    ],
    absent: { arrival: "only our own claims are told from the rest" },
  }),
  contender(GRAPHILE_DEFAULT, DEFAULT, {
    works: ["drain", "locks", "latency", "schedule", "processes", "memory", "soak"],
    absent: { backlog: SLOW, footprint: SLOW, defer: SAME, idle: SAME },
    share: 0.1,
  }),
  ...drivers.map(
    (driver): Contender => ({
      name: graphileInTransaction(driver),
      keeps: "nothing",
      works: ["transaction"],
      tables: TABLES,
      prepare,
      connect: (url) => connectTransactions(driver, url),
    }),
  ),
];

export function graphileInTransaction(driver: Driver): string {
  return `graphile-worker, ${driver}`;
}

function contender(
  name: string,
  worker: WorkerOptions,
  rest: Pick<Contender, "works" | "absent" | "share">,
): Contender {
  return { name, keeps: "nothing", tables: TABLES, prepare, connect: (url) => connect(worker, url), ...rest };
}

async function prepare(url: string): Promise<void> {
  const { runMigrations, silent } = await load();
  await runMigrations({ connectionString: url, logger: silent });
  await createOrders(url);
}

async function connect(worker: WorkerOptions, url: string): Promise<Session> {
  const pool = new pg.Pool({ connectionString: url, max: worker.maxPoolSize ?? 10 });
  // graphile-worker warns about a pool whose errors nobody handles.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  const { makeWorkerUtils, run, silent } = await load();
  const utils = await makeWorkerUtils({ pgPool: pool, logger: silent });
  return {
    enqueueMany: async (payloads, { lockOf, dueAt, queue = TASK, priority, retried } = {}) => {
      await utils.addJobs(
        payloads.map((payload) => ({
          // It has no queues in our sense: a worker takes the tasks that it knows.
          identifier: queue,
          payload,
          // Its lower ones run first.
          ...(priority === undefined ? {} : { priority: -priority }),
          ...(retried ? { maxAttempts: 2 } : {}),
          ...(lockOf ? { queueName: lockOf(payload) } : {}),
          ...(dueAt ? { runAt: dueAt(payload) } : {}),
        })),
      );
    },
    enqueue: async (payload) => {
      await utils.addJob(TASK, payload);
    },
    work: async (handler, { concurrency } = {}) => {
      const task = (payload: unknown) => handler(payload as Payload);
      const runner = await run({
        pgPool: pool,
        logger: silent,
        noHandleSignals: true,
        parsedCronItems: [],
        taskList: Object.fromEntries(queues.map((queue) => [queue, task])),
        preset: { worker: concurrency === undefined ? worker : { ...worker, concurrentJobs: concurrency } },
      });
      return { stop: () => runner.stop() };
    },
    busySql: "select exists (select from graphile_worker._private_jobs) as busy",
    close: async () => {
      await utils.release();
      await pool.end();
    },
  };
}

async function connectTransactions(driver: Driver, url: string): Promise<Session> {
  const app = await openBusinessApp(driver, url);
  return {
    transact: (payload) => app.order(payload, (tx) => addJob(tx, JSON.stringify(payload))),
    listenIdly: () => listenIdly(url, "'jobs:insert'"),
    close: app.close,
  };
}

/** Its documented way into somebody else's transaction: its SQL function. */
async function addJob(business: BusinessTx, payload: string): Promise<void> {
  if (business.orm === "drizzle") {
    const { sql } = await import("drizzle-orm");
    await business.tx.execute(sql`select graphile_worker.add_job(${TASK}::text, payload => ${payload}::json)`);
  } else {
    await business.tx.$queryRaw`select (graphile_worker.add_job(${TASK}::text, payload => ${payload}::json)).id::text`;
  }
}
