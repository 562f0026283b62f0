import type { Duration } from "../duration.ts";
import type { JsonCompatible, JsonObject } from "../json.ts";
import type { AnyTask, LockMode, Task, TaskInput } from "./task.ts";

/** When a job may run: at a moment, after a span of time, or as soon as possible. */
export type Schedule =
  | { readonly scheduleAt?: Date | string; readonly scheduleIn?: undefined }
  | { readonly scheduleAt?: undefined; readonly scheduleIn?: Duration };

/** How a job is deferred; what is absent comes from the task. */
export interface JobOptions {
  readonly queue?: string;
  /** Higher runs first, from -2147483648 to 2147483647. */
  readonly priority?: number;
  /** Jobs with the same lock run one at a time and in order; null for none. */
  readonly lock?: string | null;
  /** Whether the job holds up the others of its lock while it waits for its time: `ordered`, or `mutex` if not. */
  readonly lockMode?: LockMode;
  /** While a job with this key waits, another one is refused; null for none. */
  readonly queueingLock?: string | null;
}

/**
 * What happens while a job with the same queueing lock waits: `throw` an `AlreadyEnqueuedError` (the default),
 * `ignore` the new job, or `replace` the waiting one's arguments, priority, queue, lock and schedule.
 * The last two give back the id of the job that waits.
 */
export type OnConflict = "throw" | "ignore" | "replace";

export type BatchDeferOptions<Tx = object> = JobOptions &
  Schedule & {
    /** Writes the job inside this transaction of the app's ORM: it exists when, and only when, that commits. */
    readonly tx?: Tx;
  };

/**
 * `scheduleAt` is a Date, or an ISO 8601 string with its offset (`2026-03-04T05:06:07Z`); one in the past means now.
 * `scheduleIn` counts from now, by the clock of the database.
 */
export type DeferOptions<Tx = object> = BatchDeferOptions<Tx> & { readonly onConflict?: OnConflict };

/** The arguments may be left out where a task takes none. */
export type DeferParameters<Input, Options> =
  Record<never, never> extends Input
    ? [args?: Input & JsonCompatible<Input>, options?: Options]
    : [args: Input & JsonCompatible<Input>, options?: Options];

/** Options of what is deferred by its name. */
export type ByName<Options> = Options & {
  /**
   * Write the job also where this app has no task of that name, for workers that have: into the queue `default`, with
   * priority 0 and unchecked arguments, unless the options say otherwise. Default: `false`.
   */
  readonly allowUnknown?: boolean;
};

/** A task with some options already given. */
export interface BoundDeferrer<Input, Tx> {
  /** As `app.defer`; options given here override the bound ones. */
  defer(this: void, ...rest: DeferParameters<Input, DeferOptions<Tx>>): Promise<bigint>;
  /** As `app.batchDefer`; options given here override the bound ones. */
  batchDefer(
    this: void,
    argsList: readonly (Input & JsonCompatible<Input>)[],
    options?: BatchDeferOptions<Tx>,
  ): Promise<bigint[]>;
}

/** What can defer jobs: an app, or the context of a running job. */
export interface Deferrer<Tx> {
  /**
   * Writes a job and gives its id. Outside a transaction, calls made at the same time travel in one statement.
   *
   * @throws InvalidArgsError, InvalidOptionError before anything is written; AlreadyEnqueuedError, which leaves the
   * caller's transaction usable; SchemaMismatchError, DatabaseError.
   */
  defer<Input>(
    this: void,
    task: Task<Input>,
    ...rest: DeferParameters<NoInfer<Input>, DeferOptions<Tx>>
  ): Promise<bigint>;

  /**
   * Writes one job per arguments, all or none, and gives their ids in the same order.
   *
   * @throws as `defer`; AlreadyEnqueuedError when any queueing lock is taken or given twice.
   */
  batchDefer<Input>(
    this: void,
    task: Task<Input>,
    argsList: readonly (NoInfer<Input> & JsonCompatible<NoInfer<Input>>)[],
    options?: BatchDeferOptions<Tx>,
  ): Promise<bigint[]>;

  /**
   * As `defer`, with the name or an alias of a task. The task's own options, schema and locks apply where the app has it.
   * The arguments are typed by the task's type: `deferByName<typeof sendWelcome>("emails.sendWelcome", …)`, which an
   * `import type` gives; without it they are any JSON.
   *
   * @throws TaskNotFoundError when the app has no such task; else as `defer`.
   */
  deferByName<Named extends AnyTask = Task<JsonObject>>(
    this: void,
    name: string,
    ...rest: DeferParameters<TaskInput<Named>, ByName<DeferOptions<Tx>>>
  ): Promise<bigint>;

  /** As `batchDefer`, with the name or an alias of a task. @throws as `deferByName` and `batchDefer`. */
  batchDeferByName<Named extends AnyTask = Task<JsonObject>>(
    this: void,
    name: string,
    argsList: readonly (TaskInput<Named> & JsonCompatible<TaskInput<Named>>)[],
    options?: ByName<BatchDeferOptions<Tx>>,
  ): Promise<bigint[]>;
}
