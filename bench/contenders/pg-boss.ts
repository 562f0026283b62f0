import type { fromDrizzle as FromDrizzle, PgBoss, WorkOptions } from "pg-boss";
import type { Contender, Payload, Session } from "../contender.ts";
import { type BusinessTx, createOrders, type Driver, drivers, openBusinessApp } from "./business.ts";

const QUEUE = "noop";

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
const DEFAULT: Settings = { work: {}, notify: false };

export const PG_BOSS_TUNED = "pg-boss tuned";
export const PG_BOSS_DEFAULT = "pg-boss default";

export const pgBoss: readonly Contender[] = [
  contender(PG_BOSS_TUNED, TUNED, { works: ["drain", "latency", "defer", "idle", "footprint"] }),
  // One job every two seconds.
  contender(PG_BOSS_DEFAULT, DEFAULT, { works: ["drain"], share: 0.0001 }),
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

function contender(name: string, settings: Settings, rest: Pick<Contender, "works" | "share">): Contender {
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
  await boss.createQueue(QUEUE, { notify });
  await boss.stop({ graceful: false });
  await createOrders(url);
}

async function connect({ work, notify }: Settings, url: string): Promise<Session> {
  const boss = await open(url, notify);
  return {
    enqueueMany: async (payloads, { dueAt } = {}) => {
      await boss.insert(
        QUEUE,
        payloads.map((data) => ({ data, ...(dueAt ? { startAfter: dueAt(data) } : {}) })),
      );
    },
    enqueue: async (payload) => {
      await boss.send(QUEUE, payload);
    },
    work: async (handler) => {
      await boss.work<Payload>(QUEUE, work, async (jobs) => {
        for (const { data } of jobs) await handler(data);
      });
      return { stop: () => boss.offWork(QUEUE) };
    },
    busySql: "select exists (select from pgboss.job where state < 'completed') as busy",
    close: () => boss.stop({ graceful: false }),
  };
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
    transact: (payload) => app.order(payload, (tx) => boss.send(QUEUE, payload, { db: adapterOf(tx) })),
    close: async () => {
      await app.close();
      await boss.stop({ graceful: false });
    },
  };
}
