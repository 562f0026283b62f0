import type { RunnerOptions } from "graphile-worker";
import pg from "pg";
import type { Contender, Payload, Session } from "../contender.ts";
import { type BusinessTx, createOrders, type Driver, drivers, openBusinessApp } from "./business.ts";

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

export const GRAPHILE_TUNED = "graphile-worker tuned";
export const GRAPHILE_DEFAULT = "graphile-worker default";

export const graphile: readonly Contender[] = [
  // Not on locks: a batch takes one job of each named queue and then waits for its 2 s poll, 7 jobs/s.
  contender(GRAPHILE_TUNED, TUNED, { works: ["drain", "latency", "schedule", "defer", "idle", "footprint"] }),
  contender(GRAPHILE_DEFAULT, DEFAULT, { works: ["drain", "locks", "latency", "processes", "soak"], share: 0.1 }),
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

function contender(name: string, worker: WorkerOptions, rest: Pick<Contender, "works" | "share">): Contender {
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
    enqueueMany: async (payloads, { lockOf, dueAt } = {}) => {
      await utils.addJobs(
        payloads.map((payload) => ({
          identifier: TASK,
          payload,
          ...(lockOf ? { queueName: lockOf(payload) } : {}),
          ...(dueAt ? { runAt: dueAt(payload) } : {}),
        })),
      );
    },
    enqueue: async (payload) => {
      await utils.addJob(TASK, payload);
    },
    work: async (handler, concurrency) => {
      const runner = await run({
        pgPool: pool,
        logger: silent,
        noHandleSignals: true,
        parsedCronItems: [],
        taskList: { [TASK]: (payload) => handler(payload as Payload) },
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
