import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Duration } from "../duration.ts";
import type { JobContext } from "./job-context.ts";
import type { JobMiddleware } from "./middleware.ts";
import type { RetryOption } from "./retry.ts";
import type { KeyOption, LockMode } from "./task.ts";

/** What every task may say, whatever its arguments are typed with. */
export interface TaskDefaults {
  /** Names the task in the database: 1 to 128 characters. Rename it and waiting jobs no longer find it: keep the old name in `aliases`. */
  readonly name: string;
  /** Former names: jobs that wait under them run, and may be deferred by them. Default: none. */
  readonly aliases?: readonly string[];
  /** The queue its jobs go to. Default: `default`. */
  readonly queue?: string;
  /** Higher runs first, from -2147483648 to 2147483647. Default: 0. */
  readonly priority?: number;
  /** Whether a failed job runs again: `true` for ever, a number of retries, or a strategy. Default: `false`. */
  readonly retry?: RetryOption;
  /**
   * A run that takes longer has its `context.signal` aborted and fails, or is retried, as its strategy says.
   * Default: none.
   */
  readonly timeout?: Duration;
  /** Keep what the handler returns, as JSON, in the job's column `result`. Default: `false`. */
  readonly storeResult?: boolean;
  /** Wraps each run of the task, inside the worker's middleware; the first one is outermost. Default: none. */
  readonly middleware?: readonly JobMiddleware[];
}

export interface TaskOptions<Input> extends TaskDefaults {
  /** Jobs with the same lock run one at a time, in the order of priority, then of deferring, over all workers. */
  readonly lock?: KeyOption<Input>;
  /**
   * `mutex`: jobs that wait for their time, scheduled or before a retry, do not hold up the others of their lock.
   * Default: `ordered`, in which they do.
   */
  readonly lockMode?: LockMode;
  /** While a job with this key waits, another one is refused with `AlreadyEnqueuedError`. */
  readonly queueingLock?: KeyOption<Input>;
}

/** A task whose arguments are typed by TypeScript alone. */
export interface PlainTaskOptions<Input> extends TaskOptions<Input> {
  readonly schema?: undefined;
  /** The handler. Leave it out for a contract: a task that can be deferred here and is implemented elsewhere. */
  readonly run?: (args: Input, context: JobContext) => unknown;
}

/** A task whose arguments are checked by a schema, before they are written and again before they are handled. */
export interface SchemaTaskOptions<Schema extends StandardSchemaV1>
  extends TaskOptions<StandardSchemaV1.InferInput<Schema>> {
  /** Any Standard Schema (zod, valibot, arktype, …). The JSON that was given is stored; the handler gets its output. */
  readonly schema: Schema;
  /** The handler. Leave it out for a contract: a task that can be deferred here and is implemented elsewhere. */
  readonly run?: (args: StandardSchemaV1.InferOutput<Schema>, context: JobContext) => unknown;
}

export const TASK_OPTION_NAMES = [
  "name",
  "aliases",
  "queue",
  "priority",
  "retry",
  "timeout",
  "storeResult",
  "middleware",
  "lock",
  "lockMode",
  "queueingLock",
  "schema",
  "run",
] as const;
