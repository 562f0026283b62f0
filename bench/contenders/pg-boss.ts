import type { fromDrizzle as FromDrizzle, Job, JobResult, PgBoss, WorkOptions } from "pg-boss";
import { type Contender, type Handler, type Load, type Payload, queues, type Session } from "../contender.ts";
import { type BusinessTx, createOrders, type Driver, drivers, openBusinessApp } from "./business.ts";
import { listenIdly } from "./idle-listener.ts";

const [QUEUE] = queues;
/** Its jobs of one key run one after the other: its form of a lock. */
const LOCKED = "locked";
/** Idle workers are told of its jobs. */
const NOTIFYING = "notifying";
const QUEUES_OF: Readonly<Record<Load, readonly string[]>> = {
  plain: [QUEUE],
  locked: [LOCKED],
  mixed: [...queues, LOCKED],
};
/** What it names its channel; see its plans.js. */
const CHANNEL = "'pgboss_' || left(encode(sha224('pgboss'::bytea), 'hex'), 24)";

interface Settings {
  readonly work: WorkOptions;
  /** Whether workers are told of jobs, instead of polling only. */
  readonly notify: boolean;
}

/** The fastest settings found for 12.38 on no-op jobs. */
const TUNED: Settings = {
  work: { batchSize: 1000, burstWhenBatchFull: true, localConcurrency: 4, pollingIntervalSeconds: 0.5 },
  notify: true,
};
/** The same where no notification comes when a job can run: those that became due, or whose lock became free. */
const POLLING: Settings = { ...TUNED, notify: false };
const DEFAULT: Settings = { work: {}, notify: false };

const POLLS = "nothing notifies of what can run later, so it is tuned to poll";
const SLOW = "it does one job every two seconds";

export const PG_BOSS_TUNED = "pg-boss tuned";
export const PG_BOSS_POLLING = "pg-boss tuned to poll";
export const PG_BOSS_DEFAULT = "pg-boss default";

export const pgBoss: readonly Contender[] = [
  contender(PG_BOSS_TUNED, TUNED, {
    works: ["drain", "backlog", "latency", "defer", "processes", "idle", "memory", "footprint"],
    absent: { locks: POLLS, schedule: POLLS, soak: POLLS, arrival: "only our own claims are told from the rest" },
  }),
  contender(PG_BOSS_POLLING, POLLING, { works: ["locks", "schedule", "soak"] }),
  contender(PG_BOSS_DEFAULT, DEFAULT, {
    works: ["drain"],
    absent: { locks: SLOW, latency: SLOW, schedule: SLOW, processes: SLOW, memory: SLOW, soak: SLOW },
    share: 0.0001,
  }),
  ...drivers.map(
    (driver): Contender => ({
      name: pgBossInTransaction(driver),
      keeps: "the job's row",
      works: ["transaction"],
      tables: tablesOf(DEFAULT),
      prepare: (url) => prepare(url, DEFAULT),
      connect: (url) => connectTransactions(driver, url),
    }),
  ),
];

export function pgBossInTransaction(driver: Driver): string {
  return `pg-boss, ${driver}`;
}

function contender(name: string, settings: Settings, rest: Pick<Contender, "works" | "absent" | "share">): Contender {
  return {
    name,
    keeps: "the job's row",
    tables: tablesOf(settings),
    prepare: (url) => prepare(url, settings),
    connect: (url) => connect(settings, url),
    ...rest,
  };
}

function tablesOf({ notify }: Settings): string {
  return `pg-boss${notify ? ", notifying" : ""}`;
}

/** Without its upkeep, so that nothing runs beside what is measured. */
async function open(url: string, notify: boolean): Promise<PgBoss> {
  const { PgBoss } = await import("pg-boss");
  const boss = new PgBoss({
    connectionString: url,
    max: 25,
    supervise: false,
    schedule: false,
    useListenNotify: notify,
  });
  boss.on("error", () => undefined);
  boss.on("warning", () => undefined);
  await boss.start();
  return boss;
}

async function prepare(url: string, { notify }: Settings): Promise<void> {
  const boss = await open(url, false);
  for (const queue of queues) await boss.createQueue(queue, { notify });
  await boss.createQueue(LOCKED, { notify, policy: "key_strict_fifo" });
  await boss.createQueue(NOTIFYING, { notify: true });
  await boss.stop({ graceful: false });
  await createOrders(url);
}

async function connect({ work, notify }: Settings, url: string): Promise<Session> {
  const boss = await open(url, notify);
  return {
    enqueueMany: async (payloads, { lockOf, dueAt, queue = QUEUE, priority, retried } = {}) => {
      await boss.insert(
        lockOf ? LOCKED : queue,
        payloads.map((data) => ({
          data,
          ...(lockOf ? { singletonKey: lockOf(data) } : {}),
          ...(dueAt ? { startAfter: dueAt(data) } : {}),
          ...(priority === undefined ? {} : { priority }),
          ...(retried ? { retryLimit: 1, retryDelay: 1 } : {}),
        })),
      );
    },
    enqueue: async (payload) => {
      await boss.send(QUEUE, payload);
    },
    work: async (handler, { concurrency, load = "plain" } = {}) => {
      // A batch of jobs that take time is run at once, or it would take them all one after the other.
      const own = concurrency === undefined ? work : { ...work, batchSize: concurrency, localConcurrency: 1 };
      const all = (jobs: readonly Job<Payload>[]) => Promise.all(jobs.map(({ data }) => handler(data)));
      const inTurn = async (jobs: readonly Job<Payload>[]) => {
        for (const { data } of jobs) await handler(data);
      };
      for (const queue of QUEUES_OF[load]) {
        if (load === "mixed") await boss.work<Payload>(queue, { ...own, perJobResults: true }, outcomesOf(handler));
        else await boss.work<Payload>(queue, own, concurrency === undefined ? inTurn : all);
      }
      return {
        stop: async () => {
          for (const queue of QUEUES_OF[load]) await boss.offWork(queue);
        },
      };
    },
    busySql: "select exists (select from pgboss.job where state < 'completed') as busy",
    close: () => boss.stop({ graceful: false }),
  };
}

/** A job that fails must not fail its batch. */
function outcomesOf(handler: Handler) {
  return (jobs: readonly Job<Payload>[]): Promise<JobResult[]> =>
    Promise.all(
      jobs.map(async ({ id, data }): Promise<JobResult> => {
        try {
          await handler(data);
          return { id, status: "completed" };
        } catch (error) {
          return { id, status: "failed", output: { message: String(error) } };
        }
      }),
    );
}

async function connectTransactions(driver: Driver, url: string): Promise<Session> {
  const boss = await open(url, false);
  const app = await openBusinessApp(driver, url);
  const { fromDrizzle, fromPrisma } = await import("pg-boss");
  const { sql } = await import("drizzle-orm");
  const adapterOf = (business: BusinessTx): ReturnType<typeof FromDrizzle> =>
    business.orm === "drizzle"
      ? fromDrizzle({ execute: async (query) => (await business.tx.execute(query as never)) as never }, sql)
      : fromPrisma(business.tx);
  return {
    transact: (payload, notifying) =>
      app.order(payload, (tx) => boss.send(notifying ? NOTIFYING : QUEUE, payload, { db: adapterOf(tx) })),
    listenIdly: () => listenIdly(url, CHANNEL),
    close: async () => {
      await app.close();
      await boss.stop({ graceful: false });
    },
  };
}
