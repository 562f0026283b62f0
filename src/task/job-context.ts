import type { Job } from "../job.ts";
import type { JsonCompatible } from "../json.ts";
import type { LogFields, Logger, LogLevel } from "../logger.ts";
import type { ContextKey } from "./context-key.ts";
import type { Deferrer } from "./deferrer.ts";

/** What a handler sees of its worker. */
export interface WorkerHandle {
  readonly name: string;
  /** Undefined for all. */
  readonly queues: readonly string[] | undefined;
  /**
   * Asks the worker to stop, as `worker.stop()` does, and does not wait for it: the handler that calls it goes on, within
   * the worker's `shutdownGrace`.
   */
  stop(this: void): void;
}

/** What a handler gets beside its arguments. Its functions can be taken out of it: `{ log, progress, defer }`. */
export interface JobContext extends Deferrer<object> {
  readonly job: Job;
  /** The number of this run, from 1. */
  readonly attempt: number;
  /**
   * Aborted when the run should stop. Its reason is a `JobAbortedError` whose `reason` is `user_request`, `shutdown`,
   * `timeout` or `lease_lost`. A handler that then rejects was interrupted; one that returns has succeeded.
   */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** The worker that runs the job. */
  readonly worker: WorkerHandle;
  /**
   * What the worker was given for the key, by its option `context`.
   *
   * @throws InvalidOptionError when it was given nothing.
   */
  get<Value>(this: void, key: ContextKey<Value>): Value;
  /**
   * Says how far the run is: a percentage, or any JSON of up to 64 KiB, in the job's column `progress`. Costs one
   * statement at a time: while that is under way the last value waits, and it is written before the job ends. It stays
   * when the job ends or is retried, until another value comes.
   *
   * After the run has ended it is not written, which the worker's event `note_after_end` tells.
   *
   * @throws InvalidArgsError when the value is no JSON.
   */
  progress<Value>(this: void, value: Value & JsonCompatible<Value>): void;
  /**
   * Logs a line to the worker's logger and keeps it with the job, as an event of type `logged`: the first 1,000 of a run,
   * messages of up to 4,000 characters, fields of up to 8 KiB. After the run has ended the line is only logged.
   */
  log(this: void, level: LogLevel, message: string, fields?: LogFields): void;
  /**
   * Marks the job as succeeded inside the caller's ORM transaction, so that its writes and the job's completion
   * commit together or not at all. Call it last in the transaction and let its error out.
   *
   * @param tx The transaction of the app's ORM.
   * @param result Stored on the job; absent for none.
   * @throws LeaseLostError when the job no longer belongs to this worker, or the run has ended: the transaction must roll
   * back.
   */
  complete(this: void, tx: object): Promise<void>;
  // Not one signature with `result?`: TypeScript would infer only the first member of a union.
  complete<Result>(this: void, tx: object, result: Result & JsonResult<Result>): Promise<void>;
}

type JsonResult<T> = T extends undefined ? undefined : JsonCompatible<T>;
