import { type AbortReason, InvalidArgsError, JobAbortedError, LeaseLostError } from "../errors.ts";
import type { Job } from "../job.ts";
import { findJsonProblem, type JsonCompatible } from "../json.ts";
import type { LogFields, Logger, LogLevel } from "../logger.ts";
import { completeJob } from "../sql/complete-job.ts";
import { queueSql } from "../sql/statement.ts";
import type { BatchDeferOptions, DeferOptions, DeferParameters } from "../task/deferrer.ts";
import type { JobContext } from "../task/job-context.ts";
import type { Task } from "../task/task.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** One run of a job: the context of its handler, and what the worker knows of it. */
export class RunningJob implements JobContext {
  readonly job: Job;
  readonly startedAt: number;
  readonly #runtime: WorkerRuntime;
  #controller: AbortController | undefined;
  #abortReason: AbortReason | undefined;
  #onAbort: (() => void) | undefined;
  #completed = false;

  constructor(job: Job, runtime: WorkerRuntime) {
    this.job = job;
    this.#runtime = runtime;
    this.startedAt = runtime.clock.now();
  }

  get attempt(): number {
    return this.job.attempts + 1;
  }

  /** Made when it is asked for: most handlers never look at it, and a controller costs more than a short job. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#abortReason) this.#controller.abort(toError(this.#abortReason));
    }
    return this.#controller.signal;
  }

  get logger(): Logger {
    const { logger } = this.#runtime;
    const job = { id: String(this.job.id), task: this.job.taskName, attempt: this.attempt };
    const withJob = (level: LogLevel) => (fields: LogFields, message: string) =>
      logger[level]({ job, ...fields }, message);
    return { debug: withJob("debug"), info: withJob("info"), warn: withJob("warn"), error: withJob("error") };
  }

  get abortReason(): AbortReason | undefined {
    return this.#abortReason;
  }

  get completed(): boolean {
    return this.#completed;
  }

  /** Calls back when the run is asked to stop. */
  onAbort(callback: () => void): void {
    this.#onAbort = callback;
    if (this.#abortReason) callback();
  }

  /** Asks the run to stop. The first reason stays, but for a lost lease, which overrides any. */
  abort(reason: AbortReason): void {
    if (this.#abortReason !== undefined && reason !== "lease_lost") return;
    this.#abortReason = reason;
    this.#controller?.abort(toError(reason));
    this.#onAbort?.();
  }

  defer<Input>(task: Task<Input>, ...rest: DeferParameters<Input, DeferOptions>): Promise<bigint> {
    return this.#runtime.deferrer.defer(task, ...rest);
  }

  batchDefer<Input>(
    task: Task<Input>,
    argsList: readonly (Input & JsonCompatible<Input>)[],
    options?: BatchDeferOptions,
  ): Promise<bigint[]> {
    return this.#runtime.deferrer.batchDefer(task, argsList, options);
  }

  async complete(tx: object, result?: unknown): Promise<void> {
    const problem = result === undefined ? undefined : findJsonProblem(result, "result");
    if (problem) throw new InvalidArgsError(this.job.taskName, problem.path, problem.problem);
    const { connector, tables, options, identity } = this.#runtime;
    const isOurs = await completeJob(queueSql(connector.using(tx), tables), identity.id, this.job, {
      result: result === undefined ? null : JSON.stringify(result),
      deleteJob: options.deleteJobs !== "never",
    });
    if (isOurs) {
      this.#completed = true;
      return;
    }
    if (this.#completed) throw new LeaseLostError(this.job.id, "context.complete was called for it before");
    this.abort("lease_lost");
    throw new LeaseLostError(this.job.id);
  }
}

function toError(reason: AbortReason): JobAbortedError {
  return new JobAbortedError(`The job was asked to stop: ${reason}.`, { reason });
}
