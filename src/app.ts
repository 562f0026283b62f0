import { systemClock, systemRandom } from "./clock.ts";
import type { Connector } from "./connector.ts";
import { createDeferrer } from "./defer/app-deferrer.ts";
import { DEFAULT_MAX_ARGS_BYTES } from "./defer/args-size.ts";
import { JobDeferrer } from "./defer/defer-jobs.ts";
import type { DeferMiddleware } from "./defer/defer-middleware.ts";
import { ConnectorError, InvalidOptionError } from "./errors.ts";
import { builtinTasks } from "./jobs/builtin-tasks.ts";
import { createJobManager, type WorkerList } from "./jobs/create-job-manager.ts";
import type { JobManager } from "./jobs/job-manager.ts";
import { createQueueManager, type QueueManager } from "./jobs/queue-manager.ts";
import { type RetentionOptions, resolveRetention } from "./jobs/retention.ts";
import { checkLogger, defaultLogger, type Logger } from "./logger.ts";
import { checkInteger, checkKnownOptions } from "./option-checks.ts";
import { PeriodicDeferrer } from "./periodic/periodic-deferrer.ts";
import { PeriodicRegistry, type PeriodicTask } from "./periodic/periodic-task.ts";
import { createScheduleManager, type ScheduleManager } from "./periodic/schedule-manager.ts";
import { checkTables, type TablesReport } from "./schema/check-tables.ts";
import { checkSchemaVersion } from "./schema/check-version.ts";
import { checkRights, type Rights } from "./sql/check-rights.ts";
import { type QueueSql, queueSql, type TableOptions, tableNames } from "./sql/statement.ts";
import type { BoundDeferrer, DeferOptions, Deferrer } from "./task/deferrer.ts";
import type { AnyTask, Task } from "./task/task.ts";
import { TaskRegistry } from "./task/task-registry.ts";
import { Worker } from "./worker/worker.ts";
import { resolveWorkerOptions, type WorkerOptions } from "./worker/worker-options.ts";
import type { WorkerApp } from "./worker/worker-runtime.ts";

export interface AppOptions<Tx> {
  /** Reaches the app's database: `drizzleConnector(db)`, `prismaConnector(prisma)`. */
  readonly connector: Connector<Tx>;
  /** All tasks that this app defers or runs. */
  readonly tasks: readonly AnyTask[];
  /** Schedules: `[periodic(task, { cron: "0 3 * * *" })]`. Every worker of the app defers their jobs. */
  readonly periodic?: readonly PeriodicTask[];
  /** Where the queue's tables are, if not under their default names. */
  readonly tables?: TableOptions;
  /** Any logger of pino's shape. Default: warnings and errors to the console. */
  readonly logger?: Logger;
  /** Options of every worker of this app, overridden one by one by those of `createWorker`. */
  readonly workerDefaults?: WorkerOptions;
  /**
   * Wraps each `defer` and `batchDefer`, of the app and of its handlers, not the ticks of schedules; the first one is
   * outermost. Default: none.
   */
  readonly deferMiddleware?: readonly DeferMiddleware[];
  /** Refuse arguments with more bytes of JSON than this, 1 to 268,435,455. Default: 16 MiB; from 1 MiB on a warning is logged. */
  readonly maxArgsBytes?: number;
  /**
   * How long finished jobs are kept before workers delete them, by status; `never` deletes none. Default: failed ones
   * 30 days, all others 7 days.
   */
  readonly retention?: RetentionOptions | "never";
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
   * Resolves when the database answers and has the queue's tables in a version that this package works with, with what the
   * role of the connection may do there.
   *
   * @throws SchemaMismatchError, DatabaseError
   */
  checkHealth(): Promise<Rights>;

  /**
   * Compares the queue's tables in the database with what this package expects: columns, indexes, checks, enums. What
   * `procrastinate schema check` prints.
   *
   * @throws DatabaseError
   */
  checkTables(): Promise<TablesReport>;

  /** Looks at jobs, and cancels, retries, changes and deletes them. */
  readonly jobs: JobManager<Tx>;

  /** The workers of all processes. */
  readonly workers: WorkerList<Tx>;
  /** The schedules that are stored in the database: to list, pause, resume and run them, and to add more at run time. */
  readonly periodic: ScheduleManager<Tx>;
  /** Lists, pauses and resumes queues. */
  readonly queues: QueueManager<Tx>;

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
  "periodic",
  "tables",
  "logger",
  "workerDefaults",
  "deferMiddleware",
  "maxArgsBytes",
  "retention",
];
const optionsOfApps = new WeakMap<object, unknown>();

/** What an app was made of: for the edges, and no part of the public API. @throws InvalidOptionError */
export function appOptions<Tx>(app: App<Tx>): AppOptions<Tx> {
  const options = optionsOfApps.get(app);
  if (options === undefined) throw new InvalidOptionError("app", app, "was not made by this package's createApp.");
  return options as AppOptions<Tx>;
}

/** The most that jsonb takes. */
const MAX_ARGS_BYTES = 268_435_455;

/**
 * Makes the app of a connector and tasks. Touches no database yet.
 *
 * @throws InvalidOptionError, TaskAlreadyRegisteredError, PeriodicTaskAlreadyRegisteredError, TaskNotFoundError for a
 * schedule whose task is not among `tasks`, ConnectorError
 */
export function createApp<Tx extends object>(options: AppOptions<Tx>): App<Tx> {
  checkKnownOptions("createApp", options, APP_OPTION_NAMES);
  const { connector, logger = defaultLogger, workerDefaults = {} } = options;
  checkConnector(connector);
  checkLogger(logger);
  const tables = tableNames(options.tables);
  resolveWorkerOptions(workerDefaults);
  const tasks = new TaskRegistry(options.tasks, builtinTasks(connector, tables));
  const retention = resolveRetention(options.retention);
  const maxArgsBytes = checkInteger("maxArgsBytes", options.maxArgsBytes ?? DEFAULT_MAX_ARGS_BYTES, 1, MAX_ARGS_BYTES);
  const jobs = new JobDeferrer<Tx>({ connector, tables, logger, maxArgsBytes });
  const deferrer = createDeferrer<Tx>({ jobs, tasks, middleware: options.deferMiddleware });
  const code = {
    ...{ tasks, periodic: new PeriodicRegistry(options.periodic ?? [], tasks) },
    prepareJob: jobs.newJob.bind(jobs),
  };
  const services: WorkerApp["services"] = [(runtime) => new PeriodicDeferrer(runtime, code)];
  const forWorkers = {
    connector,
    tables,
    tasks,
    deferrer,
    logger,
    retention,
    services,
    clock: systemClock,
    random: systemRandom,
  };
  const app: App<Tx> = {
    ...deferrer,
    ...createJobManager({ connector, tables, clock: systemClock }),
    createWorker: (given = {}) => new Worker(forWorkers as never, { ...workerDefaults, ...given }),
    checkHealth: () => checkHealth(queueSql(connector.pool, tables), connector.name),
    checkTables: () => checkTables(queueSql(connector.pool, tables), connector.name),
    periodic: createScheduleManager({
      ...code,
      sqlOf: (tx) => queueSql(tx === undefined ? connector.pool : connector.using(tx), tables),
      defer: (task, args, given) => deferrer.defer(task, args as never, given),
    }),
    queues: createQueueManager(connector, tables),
    logger,
    taskNames: tasks.names,
    getTask: (name) => tasks.get(name),
  };
  optionsOfApps.set(app, options);
  return app;
}

async function checkHealth(sql: QueueSql, orm: string): Promise<Rights> {
  await checkSchemaVersion(sql, orm);
  return checkRights(sql);
}

function checkConnector<Tx>(connector: Connector<Tx>): void {
  if (typeof connector?.pool?.query === "function" && typeof connector.using === "function") return;
  throw new ConnectorError(
    "createApp({ connector }) needs a connector. Make one with drizzleConnector(db) or prismaConnector(prisma).",
  );
}
