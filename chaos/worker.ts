// A worker process of the chaos suite: what it is told comes in CHAOS_WORKER, what it does goes into the ledger.
import { createApp, silentLogger, type WorkerOptions } from "procrastinate";
import { tasksOf } from "./behaviours.ts";
import { connect, type Driver } from "./connectors.ts";
import { Ledger } from "./ledger.ts";

export interface WorkerSettings {
  readonly name: string;
  readonly url: string;
  readonly driver: Driver;
  /** Connections of its pool. */
  readonly max: number;
  /** Settings of its sessions. */
  readonly settings?: string | undefined;
  readonly options: WorkerOptions;
}

const { name, url, driver, max, settings, options } = JSON.parse(process.env["CHAOS_WORKER"] ?? "") as WorkerSettings;
const { connector, close } = connect(driver, url, { max, settings });
const app = createApp({ connector, tasks: tasksOf(connector, new Ledger(connector.pool, name)), logger: silentLogger });
const worker = app.createWorker({ name, ...options });
worker.on("start_worker", ({ workerId }) => console.log(`started ${workerId}`));
worker.on("database_lost", () => console.log("database lost"));
worker.on("database_back", ({ downMs }) => console.log(`database back after ${downMs.toFixed(0)} ms`));
worker.on("listening", () => console.log("listening"));
worker.on("listen_lost", () => console.log("listening lost"));
worker.on("jobs_rescued", ({ rescued, ended }) => console.log(`rescued ${rescued} jobs, ended ${ended}`));
worker.on("lease_lost", ({ job }) => console.log(`lease of job ${job.id} lost`));
await worker.run();
await close();
