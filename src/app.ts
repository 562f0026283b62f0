import { systemClock, systemRandom } from "./clock.ts";
import type { Connector } from "./connector.ts";
import { createDeferrer } from "./defer/app-deferrer.ts";
import { DEFAULT_MAX_ARGS_BYTES } from "./defer/args-size.ts";
import type { DeferMiddleware } from "./defer/defer-middleware.ts";
import { ConnectorError } from "./errors.ts";
import { checkLogger, defaultLogger, type Logger } from "./logger.ts";
import { checkInteger, checkKnownOptions } from "./option-checks.ts";
import { checkTables, type TablesReport } from "./schema/check-tables.ts";
import { checkSchemaVersion } from "./schema/check-version.ts";
import { queueSql, type TableOptions, tableNames } from "./sql/statement.ts";
import type { BoundDeferrer, DeferOptions, Deferrer } from "./task/deferrer.ts";
import type { AnyTask, Task } from "./task/task.ts";
import { TaskRegistry } from "./task/task-registry.ts";
import { Worker } from "./worker/worker.ts";
import { resolveWorkerOptions, type WorkerOptions } from "./worker/worker-options.ts";

export interface AppOptions<Tx> {
  /** Reaches the app's database: `drizzleConnector(db)`, `prismaConnector(prisma)`. */
  readonly connector: Connector<Tx>;
  /** All tasks that this app defers or runs. */
  readonly tasks: readonly AnyTask[];
  /** Where the queue's tables are, if not under their default names. */
  readonly tables?: TableOptions;
  /** Any logger of pino's shape. Default: warnings and errors to the console. */
  readonly logger?: Logger;
  /** Options of every worker of this app, overridden one by one by those of `createWorker`. */
  readonly workerDefaults?: WorkerOptions;
  /** Wraps each `defer` and `batchDefer`, of the app and of its handlers; the first one is outermost. Default: none. */
  readonly deferMiddleware?: readonly DeferMiddleware[];
  /** Refuse arguments with more bytes of JSON than this, 1 to 268,435,455. Default: 16 MiB; from 1 MiB on a warning is logged. */
  readonly maxArgsBytes?: number;
}

/** Where tasks meet the database: defers jobs and makes the workers that run them. */
export interface App<Tx> extends Deferrer<Tx> {
  /** Binds options to a task, to defer it with them again and again. */
  configure<Input>(task: Task<Input>, options: DeferOptions<Tx>): BoundDeferrer<Input, Tx>;

  /**
   * Makes a worker; `run` starts it.
   *
   * @throws InvalidOptionError when an option is unknown or out of its bounds.
   */
  createWorker(options?: WorkerOptions): Worker;

  /**
   * Resolves when the database answers and has the queue's tables in a version that this package works with.
   *
   * @throws SchemaMismatchError, DatabaseError
   */
  checkHealth(): Promise<void>;

  /**
   * Compares the queue's tables in the database with what this package expects: columns, indexes, checks, enums. What
   * `procrastinate schema check` prints.
   *
   * @throws DatabaseError
   */
  checkTables(): Promise<TablesReport>;

  /** What the app logs to. */
  readonly logger: Logger;

  /** The names of the app's tasks. */
  readonly taskNames: readonly string[];

  /** The app's task of that name, to be deferred without its types. @throws TaskNotFoundError */
  getTask(name: string): Task<object>;
}

const APP_OPTION_NAMES = [
  "connector",
  "tasks",
  "tables",
  "logger",
  "workerDefaults",
  "deferMiddleware",
  "maxArgsBytes",
];
/** The most that jsonb takes. */
const MAX_ARGS_BYTES = 268_435_455;

/**
 * Makes the app of a connector and tasks. Touches no database yet.
 *
 * @throws InvalidOptionError, TaskAlreadyRegisteredError, ConnectorError
 */
export function createApp<Tx extends object>(options: AppOptions<Tx>): App<Tx> {
  checkKnownOptions("createApp", options, APP_OPTION_NAMES);
  const { connector, logger = defaultLogger, workerDefaults = {} } = options;
  if (typeof connector?.pool?.query !== "function" || typeof connector.using !== "function") {
    throw new ConnectorError(
      "createApp({ connector }) needs a connector. Make one with drizzleConnector(db) or prismaConnector(prisma).",
    );
  }
  checkLogger(logger);
  const tables = tableNames(options.tables);
  resolveWorkerOptions(workerDefaults);
  const tasks = new TaskRegistry(options.tasks);
  const maxArgsBytes = checkInteger("maxArgsBytes", options.maxArgsBytes ?? DEFAULT_MAX_ARGS_BYTES, 1, MAX_ARGS_BYTES);
  const middleware = options.deferMiddleware;
  const deferrer = createDeferrer<Tx>({ connector, tables, logger, maxArgsBytes, tasks, middleware });
  const forWorkers = { connector, tables, tasks, deferrer, logger, clock: systemClock, random: systemRandom };
  return {
    ...deferrer,
    createWorker: (given = {}) => new Worker(forWorkers as never, { ...workerDefaults, ...given }),
    checkHealth: () => checkSchemaVersion(queueSql(connector.pool, tables), connector.name),
    checkTables: () => checkTables(queueSql(connector.pool, tables), connector.name),
    logger,
    taskNames: tasks.names,
    getTask: (name) => tasks.get(name),
  };
}
