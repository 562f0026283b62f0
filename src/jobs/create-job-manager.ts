import type { Clock } from "../clock.ts";
import type { Connector } from "../connector.ts";
import { listWorkers, type WorkerInfo } from "../sql/list-workers.ts";
import type { TableNames } from "../sql/statement.ts";
import { BulkChanger } from "./bulk-changer.ts";
import { JobChanger } from "./job-changer.ts";
import { JobDatabase } from "./job-database.ts";
import type { JobManager, WithTx } from "./job-manager.ts";
import { JobReader } from "./job-reader.ts";

/** What is known of the workers of all processes. */
export interface WorkerList<Tx> {
  /** All workers, by id: those that live, and dead ones until somebody notices. */
  list(options?: WithTx<Tx>): Promise<readonly WorkerInfo[]>;
}

export interface JobManagerParts<Tx> {
  readonly connector: Connector<Tx>;
  readonly tables: TableNames;
  readonly clock: Clock;
}

/** Makes `app.jobs` and `app.workers`. */
export function createJobManager<Tx>({ connector, tables, clock }: JobManagerParts<Tx>): {
  readonly jobs: JobManager<Tx>;
  readonly workers: WorkerList<Tx>;
} {
  const database = new JobDatabase(connector, tables);
  const reader = new JobReader(database, clock);
  const changer = new JobChanger(database);
  const bulk = new BulkChanger(database);
  const jobs: JobManager<Tx> = {
    get: (id, options) => reader.get(id, options),
    list: (filter, options) => reader.list(filter, options),
    count: (filter, options) => reader.count(filter, options),
    countBy: (group, filter, options) => reader.countBy(group, filter, options),
    history: (id, options) => reader.history(id, options),
    listStalled: (options) => reader.listStalled(options),
    wait: (id, options) => reader.wait(id, options),
    cancel: (id, options) => changer.cancel(id, options),
    retry: (id, options) => changer.retry(id, options),
    reschedule: (id, options) => changer.reschedule(id, options),
    setPriority: (id, priority, options) => changer.setPriority(id, priority, options),
    delete: (id, options) => changer.delete(id, options),
    cancelMany: (filter, options) => bulk.cancelMany(filter, options),
    retryMany: (filter, options) => bulk.retryMany(filter, options),
    deleteMany: (filter, options) => bulk.deleteMany(filter, options),
  };
  return { jobs, workers: { list: async ({ tx } = {}) => listWorkers(database.reading(tx)) } };
}
