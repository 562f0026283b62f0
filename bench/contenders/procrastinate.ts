import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Connector, createApp, defineTask } from "procrastinate";
import { drizzleConnector } from "procrastinate/drizzle";
import { prismaConnector } from "procrastinate/prisma";
import type { Contender, LockOf, Payload, Session } from "../contender.ts";
import { createOrders, type Driver, drivers, openBusinessApp, runSql } from "./business.ts";

/** As many handlers at once as graphile-worker tuned. */
const CONCURRENCY = 24;

/** The package's own SQL for apps that migrate by hand; the ORM schema makes the same tables. */
const MIGRATION = fileURLToPath(import.meta.resolve("procrastinate/migrations/0001_initial.sql"));

export const procrastinate: readonly Contender[] = drivers.flatMap((driver) => [
  {
    name: procrastinateKept(driver),
    keeps: "the job's row",
    works: ["drain", "locks", "latency", "defer", "transaction"],
    prepare,
    connect: (url) => connect(driver, "never", url),
  },
  {
    name: procrastinateDeleted(driver),
    keeps: "nothing",
    works: ["drain", "locks"],
    prepare,
    connect: (url) => connect(driver, "successful", url),
  },
]);

export function procrastinateKept(driver: Driver): string {
  return `procrastinate, ${driver}`;
}

export function procrastinateDeleted(driver: Driver): string {
  return `procrastinate deleting, ${driver}`;
}

async function prepare(url: string): Promise<void> {
  await runSql(url, readFileSync(MIGRATION, "utf8"));
  await createOrders(url);
}

async function connect(driver: Driver, deleteJobs: "never" | "successful", url: string): Promise<Session> {
  let handler: (payload: Payload) => void = () => undefined;
  let lockOf: LockOf | undefined;
  const noop = defineTask<Payload>({ name: "noop", run: (payload) => handler(payload) });
  const locked = defineTask<Payload>({
    name: "locked",
    lock: (payload) => lockOf?.(payload),
    run: (payload) => handler(payload),
  });
  const business = await openBusinessApp(driver, url);
  const connector =
    business.orm === "drizzle"
      ? drizzleConnector(business.db)
      : prismaConnector(business.prisma, { listen: business.pool });
  // Each transaction goes back to the connector whose app began it.
  const app = createApp({ connector: connector as Connector<object>, tasks: [noop, locked] });
  return {
    enqueueMany: async (payloads, lock) => {
      lockOf = lock;
      await app.batchDefer(lock ? locked : noop, payloads);
    },
    enqueue: async (payload) => {
      await app.defer(noop, payload);
    },
    transact: (payload) => business.order(payload, ({ tx }) => app.defer(noop, payload, { tx })),
    work: async (handle) => {
      handler = handle;
      const worker = app.createWorker({ concurrency: CONCURRENCY, deleteJobs });
      const done = worker.run();
      return {
        stop: async () => {
          await worker.stop();
          await done;
        },
      };
    },
    busySql: "select exists (select from procrastinate_jobs where finished_at is null) as busy",
    close: business.close,
  };
}
