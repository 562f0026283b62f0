// A worker process of the chaos suite: what it is told comes in CHAOS_WORKER, what it does goes into the ledger.
import { createApp, silentLogger, type WorkerOptions } from "procrastinate";
import { tasksOf } from "./behaviours.ts";
import { connect, type Driver } from "./connectors.ts";
import { Ledger, type Moment } from "./ledger.ts";

export interface WorkerSettings {
  readonly name: string;
  readonly url: string;
  readonly driver: Driver;
  /** Connections of its pool. */
  readonly max: number;
  /** Settings of its sessions. */
  readonly settings?: string | undefined;
  readonly options: WorkerOptions;
  /** When the first worker of its crew was started, the same for all. */
  readonly since: Moment;
  /** How wrong its clock is. Default: not at all. */
  readonly clockOffMs?: number | undefined;
}

const given = JSON.parse(process.env["CHAOS_WORKER"] ?? "") as WorkerSettings;
const { name, url, driver, max, settings, since, clockOffMs = 0 } = given;
if (clockOffMs !== 0) setClockOff(clockOffMs);
const { connector, close } = await connect(driver, url, { max, settings });
const ledger = new Ledger(connector.pool, name, since);
const app = createApp({ connector, tasks: tasksOf(connector, ledger), logger: silentLogger });
const worker = app.createWorker({ name, ...given.options });
worker.on("start_worker", ({ workerId }) => console.log(`started ${workerId}`));
worker.on("database_lost", () => console.log("database lost"));
worker.on("database_back", ({ downMs }) => console.log(`database back after ${downMs.toFixed(0)} ms`));
worker.on("listening", () => console.log("listening"));
worker.on("listen_lost", () => console.log("listening lost"));
worker.on("jobs_rescued", ({ rescued, ended }) => console.log(`rescued ${rescued} jobs, ended ${ended}`));
worker.on("lease_lost", ({ job }) => console.log(`lease of job ${job.id} lost`));
await worker.run();
await ledger.flush();
await close();

function setClockOff(ms: number): void {
  const now = Date.now;
  const wrongNow = (): number => now() + ms;
  globalThis.Date = new Proxy(Date, {
    construct: (date, args: []) => (args.length === 0 ? new date(wrongNow()) : new date(...args)),
    get: (date, key) => (key === "now" ? wrongNow : Reflect.get(date, key)),
  });
}
