// The public API. What is not named here does not exist.
export { type App, type AppOptions, type BoundDeferrer, createApp } from "./app.ts";
export type { Connector, NotificationHandler, SqlExecutor, SqlStatement, SqlValue, Unlisten } from "./connector.ts";
export { DatabaseError } from "./database-error.ts";
export type { Duration } from "./duration.ts";
export {
  type AbortReason,
  AlreadyEnqueuedError,
  AppLoadError,
  CompletionRolledBackError,
  ConnectorError,
  type ErrorCode,
  InvalidArgsError,
  InvalidOptionError,
  JobAbortedError,
  JobTimeoutError,
  LeaseLostError,
  ProcrastinateError,
  SchemaMismatchError,
  ShutdownTimeoutError,
  TaskAlreadyRegisteredError,
  TaskNotFoundError,
  TaskNotRunnableError,
} from "./errors.ts";
export type { WorkerEvent, WorkerEventMap } from "./events.ts";
export type { Job, JobStatus } from "./job.ts";
export { type RemoveOldJobsArgs, removeOldJobs } from "./jobs/builtin-tasks.ts";
export type { QueueManager, QueueOptions } from "./jobs/queue-manager.ts";
export type { RetentionOptions } from "./jobs/retention.ts";
export type { JsonCompatible, JsonObject, JsonValue } from "./json.ts";
export { consoleLogger, type LogFields, type Logger, type LogLevel, silentLogger } from "./logger.ts";
export type { TablesReport } from "./schema/check-tables.ts";
export type { TableFinding } from "./schema/compare-tables.ts";
export type { QueueSummary } from "./sql/list-queues.ts";
export type { TableOptions } from "./sql/statement.ts";
export type {
  BatchDeferOptions,
  DeferOptions,
  DeferParameters,
  Deferrer,
  JobOptions,
  OnConflict,
  Schedule,
} from "./task/deferrer.ts";
export { defineTask, implementTask } from "./task/define-task.ts";
export type { JobContext } from "./task/job-context.ts";
export {
  type RetryDecision,
  type RetryFailure,
  type RetryFilter,
  type RetryOption,
  type RetryOptions,
  type RetryStrategy,
  retryStrategy,
} from "./task/retry.ts";
export type { AnyTask, KeyOption, Task } from "./task/task.ts";
export type { PlainTaskOptions, SchemaTaskOptions, TaskOptions } from "./task/task-options.ts";
export type { Worker } from "./worker/worker.ts";
export type { DeleteJobs, WorkerOptions } from "./worker/worker-options.ts";
