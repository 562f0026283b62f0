import { describe } from "./describe.ts";

/** A stable name for each condition that a caller can act on. */
export type ErrorCode =
  | "already_enqueued"
  | "app_load"
  | "connector"
  | "database"
  | "invalid_args"
  | "invalid_option"
  | "job_aborted"
  | "job_not_found"
  | "job_status"
  | "job_timeout"
  | "job_wait_timeout"
  | "lease_lost"
  | "middleware"
  | "completion_rolled_back"
  | "periodic_task_already_registered"
  | "schedule_not_found"
  | "schema_file"
  | "schema_mismatch"
  | "task_already_registered"
  | "task_not_found"
  | "task_not_runnable"
  | "shutdown_timeout";

/** The base of every error of this package. */
export class ProcrastinateError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.name = new.target.name;
  }
}

/** Where among the arguments of `batchDefer` an error is. */
interface ElementOptions {
  readonly index?: number | undefined;
}

function element(index: number | undefined): string {
  return index === undefined ? "" : `element ${index} of the batch: `;
}

/** An option is unknown, out of its bounds, or contradicts another one. Nothing was written. */
export class InvalidOptionError extends ProcrastinateError {
  readonly option: string;
  readonly value: unknown;
  /** For whose arguments of `batchDefer` the task made this value, from 0; undefined elsewhere. */
  readonly index: number | undefined;
  readonly #fix: string;

  constructor(option: string, value: unknown, fix: string, { index }: ElementOptions = {}) {
    super("invalid_option", `${element(index)}${option}: ${describe(value)} ${fix}`);
    this.option = option;
    this.value = value;
    this.index = index;
    this.#fix = fix;
  }

  /** The same error, of one element of a batch. */
  ofElement(index: number): InvalidOptionError {
    return new InvalidOptionError(this.option, this.value, this.#fix, { index });
  }
}

/**
 * The arguments of a job are not JSON, are too large, or were refused by the task's schema. Nothing was written.
 * What the schema said is in the message, and of each place in the `cause`: `{ path, message }`. Neither is in what a
 * worker finds of stored arguments, since it is logged and may quote them.
 */
export class InvalidArgsError extends ProcrastinateError {
  readonly taskName: string;
  /** Where in the arguments, like `args.items[2].price`. */
  readonly path: string;
  /** Whose arguments of `batchDefer` they are, from 0; undefined elsewhere. */
  readonly index: number | undefined;
  readonly #problem: string;

  constructor(taskName: string, path: string, problem: string, options: ErrorOptions & ElementOptions = {}) {
    super("invalid_args", `Task "${taskName}": ${element(options.index)}${path} ${problem}`, options);
    this.taskName = taskName;
    this.path = path;
    this.index = options.index;
    this.#problem = problem;
  }

  /** The same error, of one element of a batch. */
  ofElement(index: number): InvalidArgsError {
    return new InvalidArgsError(this.taskName, this.path, this.#problem, { index, cause: this.cause });
  }
}

/**
 * A job with the same queueing lock is waiting already. The caller's transaction stays usable, unless it is a batch of
 * Prisma, which rolls back.
 */
export class AlreadyEnqueuedError extends ProcrastinateError {
  readonly queueingLock: string;

  /** @param fix What the caller can do, where it is not to catch this or to pass `onConflict`. */
  constructor(
    queueingLock: string,
    fix = `Catch this error, or pass onConflict: "ignore" or "replace" to get the id of the waiting job.`,
  ) {
    super("already_enqueued", `A job with the queueing lock "${queueingLock}" is waiting already. ${fix}`);
    this.queueingLock = queueingLock;
  }
}

/** Two tasks have the same name. */
export class TaskAlreadyRegisteredError extends ProcrastinateError {
  readonly taskName: string;

  constructor(taskName: string) {
    super("task_already_registered", `Two tasks are named "${taskName}". Give each task of an app its own name.`);
    this.taskName = taskName;
  }
}

/** No task of the app has this name. */
export class TaskNotFoundError extends ProcrastinateError {
  readonly taskName: string;

  constructor(taskName: string, known: readonly string[]) {
    const list = known.length === 0 ? "The app has no tasks" : `The app has ${known.slice(0, 20).join(", ")}`;
    super("task_not_found", `No task is named "${taskName}". ${list}. Add it to createApp({ tasks: [...] }).`);
    this.taskName = taskName;
  }
}

/** A worker met a task that was defined without `run`. */
export class TaskNotRunnableError extends ProcrastinateError {
  readonly taskName: string;

  constructor(taskName: string) {
    super(
      "task_not_runnable",
      `Task "${taskName}" has no run function here: it is a contract. Add its implementation to the worker's app.`,
    );
    this.taskName = taskName;
  }
}

/** The queue's tables are missing, or too old or too new for this package. The message says what to run. */
export class SchemaMismatchError extends ProcrastinateError {
  constructor(message: string, options?: ErrorOptions) {
    super("schema_mismatch", message, options);
  }
}

/** A file of the app's ORM schema is not where or not what the command line needs it to be. Nothing was written. */
export class SchemaFileError extends ProcrastinateError {
  constructor(message: string, options?: ErrorOptions) {
    super("schema_file", message, options);
  }
}

/** What was handed over as a database or a transaction is none that the connector can use. */
export class ConnectorError extends ProcrastinateError {
  constructor(message: string, options?: ErrorOptions) {
    super("connector", message, options);
  }
}

/** An app module could not be loaded, or exports no app. */
export class AppLoadError extends ProcrastinateError {
  constructor(message: string, options?: ErrorOptions) {
    super("app_load", message, options);
  }
}

/** Why a run is asked to stop. */
export type AbortReason = "user_request" | "shutdown" | "timeout" | "lease_lost";

/** The reason of `context.signal` when it is aborted; a handler may throw one of its own to end as aborted, without retry. */
export class JobAbortedError extends ProcrastinateError {
  /** Undefined when a handler aborts itself. */
  readonly reason: AbortReason | undefined;

  constructor(message = "The job was aborted.", options?: ErrorOptions & { readonly reason?: AbortReason }) {
    super("job_aborted", message, options);
    this.reason = options?.reason;
  }
}

/** A job ran for longer than the timeout of its task. */
export class JobTimeoutError extends ProcrastinateError {
  readonly timeoutMs: number;

  constructor(taskName: string, timeoutMs: number, options?: ErrorOptions) {
    super("job_timeout", `Task "${taskName}" ran for longer than its timeout of ${timeoutMs} ms.`, options);
    this.timeoutMs = timeoutMs;
  }
}

/** The job was given to another worker, so what this one did must not be recorded. */
export class LeaseLostError extends ProcrastinateError {
  readonly jobId: bigint;

  constructor(jobId: bigint, why = "it was rescued, deleted or finished elsewhere") {
    super(
      "lease_lost",
      `Job ${jobId} no longer belongs to this worker: ${why}. ` +
        "Let this error leave the transaction, so that its writes roll back.",
    );
    this.jobId = jobId;
  }
}

/** A handler returned after `context.complete(tx)`, but that transaction did not commit. */
export class CompletionRolledBackError extends ProcrastinateError {
  readonly jobId: bigint;

  constructor(jobId: bigint) {
    super(
      "completion_rolled_back",
      `Job ${jobId} was completed in a transaction that did not commit. ` +
        "Await the transaction in the handler and let its errors out.",
    );
    this.jobId = jobId;
  }
}

/** Some handlers ignored their signal at shutdown; their jobs went back to wait, but they may still be running here. */
export class ShutdownTimeoutError extends ProcrastinateError {
  readonly jobIds: readonly bigint[];

  constructor(jobIds: readonly bigint[]) {
    super(
      "shutdown_timeout",
      `The worker stopped without the handlers of ${jobIds.length === 1 ? "a job" : `${jobIds.length} jobs`} that ignored context.signal (jobs ${jobIds.slice(0, 10).join(", ")}). ` +
        "Pass the signal on to what they await, and end the process.",
    );
    this.jobIds = jobIds;
  }
}
