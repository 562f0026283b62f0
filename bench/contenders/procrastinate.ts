import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  type Connector,
  consoleLogger,
  createApp,
  type DeferOptions,
  defineTask,
  type LogFields,
  type Logger,
  retryStrategy,
  type WorkerOptions,
} from "procrastinate";
import type { Contender, EnqueueOptions, Handler, IdleListener, Payload, Session, WorkName } from "../contender.ts";
import { type BareDriver, bareDrivers, openBareConnector } from "./bare-connector.ts";
import { createOrders, type Driver, drivers, openBusinessApp, runSql } from "./business.ts";
import { listenIdly } from "./idle-listener.ts";

/** As many handlers at once as graphile-worker tuned. */
const KEEPING: WorkerOptions = { concurrency: 24 };
const DELETING: WorkerOptions = { ...KEEPING, deleteJobs: "successful" };

const KEEPING_WORKS: readonly WorkName[] = [
  "drain",
  "locks",
  "backlog",
  "arrival",
  "latency",
  "schedule",
  "defer",
  "transaction",
  "processes",
  "idle",
  "memory",
  "soak",
  "footprint",
];

const TABLES = "procrastinate";

/** The package's own SQL for apps that migrate by hand; the ORM schema makes the same tables. */
const MIGRATION = fileURLToPath(import.meta.resolve("procrastinate/migrations/0001_initial.sql"));

export const procrastinate: readonly Contender[] = [
  ...drivers.flatMap((driver) => [
    contender(procrastinateKept(driver), "the job's row", KEEPING_WORKS, (url) => connect(driver, KEEPING, url)),
    contender(procrastinateDeleted(driver), "nothing", ["drain", "footprint"], (url) => connect(driver, DELETING, url)),
    contender(procrastinateDefault(driver), "the job's row", ["drain"], (url) => connect(driver, {}, url)),
  ]),
  ...bareDrivers.map((driver) =>
    contender(procrastinateBare(driver), "the job's row", ["drain"], (url) => connectBare(driver, url)),
  ),
];

export function procrastinateKept(driver: Driver): string {
  return `procrastinate, ${driver}`;
}

export function procrastinateDeleted(driver: Driver): string {
  return `procrastinate deleting, ${driver}`;
}

export function procrastinateDefault(driver: Driver): string {
  return `procrastinate default, ${driver}`;
}

export function procrastinateBare(driver: BareDriver): string {
  return `procrastinate, ${driver} without an ORM`;
}

/** Whether a contender is this package, in whatever settings. */
export function isOwn(contender: Contender): boolean {
  return contender.tables === TABLES;
}

function contender(
  name: string,
  keeps: string,
  works: readonly WorkName[],
  open: (url: string) => Promise<Session>,
): Contender {
  return { name, keeps, works, tables: TABLES, prepare, connect: open };
}

async function prepare(url: string): Promise<void> {
  await runSql(url, readFileSync(MIGRATION, "utf8"));
  await createOrders(url);
}

async function connect(driver: Driver, settings: WorkerOptions, url: string): Promise<Session> {
  const business = await openBusinessApp(driver, url);
  const connector =
    business.orm === "drizzle"
      ? (await import("procrastinate/drizzle")).drizzleConnector(business.db)
      : (await import("procrastinate/prisma")).prismaConnector(business.prisma, { listen: business.pool });
  // Each transaction goes back to the connector whose app began it.
  const queue = openQueue(connector as Connector<object>, settings);
  return {
    ...queue.session,
    transact: (payload) => business.order(payload, ({ tx }) => queue.defer(payload, tx)),
    listenIdly: () => standInIdly(url),
    close: business.close,
  };
}

/** A row like that of a worker that waits for jobs, of any queue, and its connection. */
async function standInIdly(url: string): Promise<IdleListener> {
  await runSql(url, "insert into procrastinate_workers (name, idle) values ('waits for the bench', true)");
  return listenIdly(url, "'procrastinate_jobs'");
}

async function connectBare(driver: BareDriver, url: string): Promise<Session> {
  const { connector, close } = await openBareConnector(driver, url);
  return { ...openQueue(connector, { ...KEEPING, listen: false }).session, close };
}

const log = consoleLogger({ level: "warn" });
const isOfFailedJob = ({ action }: LogFields) => action === "job_error" || action === "job_error_retry";
/** Jobs fail only where the bench wants them to. */
const withoutFailedJobs: Logger = {
  ...log,
  warn: (fields, message) => isOfFailedJob(fields) || log.warn(fields, message),
  error: (fields, message) => isOfFailedJob(fields) || log.error(fields, message),
};

interface Queue {
  readonly session: Omit<Session, "close">;
  defer(payload: Payload, tx?: object): Promise<unknown>;
}

function openQueue(connector: Connector<object>, settings: WorkerOptions): Queue {
  let handler: Handler = () => undefined;
  const run = (payload: Payload) => handler(payload);
  const task = defineTask<Payload>({ name: "noop", run });
  const retried = defineTask<Payload>({
    name: "retried",
    retry: retryStrategy({ maxAttempts: 1, wait: { seconds: 1 } }),
    run,
  });
  const app = createApp({ connector, tasks: [task, retried], logger: withoutFailedJobs });
  const defer = (payload: Payload, tx?: object) => app.defer(task, payload, tx ? { tx } : {});
  return {
    defer,
    session: {
      enqueueMany: async (payloads, { lockOf, dueAt, queue, priority = 0, ...options } = {}) => {
        const which = options.retried ? retried : task;
        const same = { priority, ...(queue ? { queue } : {}) };
        if (!lockOf && !dueAt) await app.batchDefer(which, payloads, same);
        // Options that differ from job to job: calls made at once travel together.
        else {
          const each = (payload: Payload) => ({ ...same, ...optionsOf(payload, lockOf, dueAt) });
          await Promise.all(payloads.map((payload) => app.defer(which, payload, each(payload))));
        }
      },
      enqueue: async (payload) => {
        await defer(payload);
      },
      work: async (handle, { concurrency } = {}) => {
        handler = handle;
        const worker = app.createWorker(concurrency === undefined ? settings : { ...settings, concurrency });
        const done = worker.run();
        return {
          stop: async () => {
            await worker.stop();
            await done;
          },
        };
      },
      busySql: "select exists (select from procrastinate_jobs where finished_at is null) as busy",
    },
  };
}

function optionsOf(
  payload: Payload,
  lockOf: EnqueueOptions["lockOf"],
  dueAt: EnqueueOptions["dueAt"],
): DeferOptions<object> {
  return { ...(lockOf ? { lock: lockOf(payload) } : {}), ...(dueAt ? { scheduleAt: dueAt(payload) } : {}) };
}
