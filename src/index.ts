// The public API. What is not named here does not exist.
export { type App, type AppOptions, createApp } from "./app.ts";
export type { Connector, NotificationHandler, SqlExecutor, SqlStatement, SqlValue, Unlisten } from "./connector.ts";
export { DatabaseError } from "./database-error.ts";
export type { DeferMiddleware, DeferNext, Deferral } from "./defer/defer-middleware.ts";
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
export type { Job, JobEventType, JobStatus } from "./job.ts";
export { type RemoveOldJobsArgs, removeOldJobs } from "./jobs/builtin-tasks.ts";
export type { WorkerList } from "./jobs/create-job-manager.ts";
export { JobNotFoundError, JobStatusError, JobWaitTimeoutError } from "./jobs/job-errors.ts";
export type { JobFilter } from "./jobs/job-filter.ts";
export type {
  BulkOptions,
  CancelJobOptions,
  CancelledCounts,
  CountByOptions,
  JobManager,
  JobPage,
  ListJobsOptions,
  ListStalledOptions,
  RescheduleJobOptions,
  RetriedCounts,
  RetryJobOptions,
  WaitForJobOptions,
  WithTx,
} from "./jobs/job-manager.ts";
export type { QueueManager, QueueOptions } from "./jobs/queue-manager.ts";
export type { RetentionOptions } from "./jobs/retention.ts";
export type { JsonCompatible, JsonObject, JsonValue } from "./json.ts";
export { consoleLogger, type LogFields, type Logger, type LogLevel, silentLogger } from "./logger.ts";
export type { MissedPolicy } from "./periodic/due-times.ts";
export { PeriodicTaskAlreadyRegisteredError, ScheduleNotFoundError } from "./periodic/periodic-errors.ts";
export { type PeriodicOptions, type PeriodicTask, periodic } from "./periodic/periodic-task.ts";
export type {
  InTransaction,
  NewScheduleOptions,
  ScheduleManager,
  ScheduleReference,
} from "./periodic/schedule-manager.ts";
export type { ScheduleOptions } from "./periodic/schedule-options.ts";
export type { PeriodicSchedule } from "./periodic/schedule-row.ts";
export type { TablesReport } from "./schema/check-tables.ts";
export type { TableFinding } from "./schema/compare-tables.ts";
export type { CancelOutcome } from "./sql/cancel-jobs.ts";
export type { Rights } from "./sql/check-rights.ts";
export type { GroupCounts, JobGroup, StatusCounts } from "./sql/count-jobs.ts";
export type { JobOrder } from "./sql/list-jobs.ts";
export type { QueueSummary } from "./sql/list-queues.ts";
export type { WorkerInfo } from "./sql/list-workers.ts";
export type { TableOptions } from "./sql/statement.ts";
export type { JobEvent, StoredJob } from "./stored-job.ts";
export { type ContextKey, type ContextValue, contextKey } from "./task/context-key.ts";
export type {
  BatchDeferOptions,
  BoundDeferrer,
  ByName,
  DeferOptions,
  DeferParameters,
  Deferrer,
  JobOptions,
  OnConflict,
  Schedule,
} from "./task/deferrer.ts";
export { defineTask, implementTask } from "./task/define-task.ts";
export type { JobContext, WorkerHandle } from "./task/job-context.ts";
export { type JobMiddleware, MiddlewareError } from "./task/middleware.ts";
export { namespace } from "./task/namespace.ts";
export {
  type RetryDecision,
  type RetryFailure,
  type RetryFilter,
  type RetryOption,
  type RetryOptions,
  type RetryStrategy,
  retryStrategy,
} from "./task/retry.ts";
export type { AnyTask, KeyOption, LockMode, Task, TaskInput } from "./task/task.ts";
export type { PlainTaskOptions, SchemaTaskOptions, TaskOptions } from "./task/task-options.ts";
export type { Worker } from "./worker/worker.ts";
export type { DeleteJobs, WorkerOptions } from "./worker/worker-options.ts";
