import { type AbortReason, InvalidArgsError, JobAbortedError, LeaseLostError } from "../errors.ts";
import type { Job } from "../job.ts";
import { findJsonProblem } from "../json.ts";
import type { LogFields, Logger, LogLevel } from "../logger.ts";
import { completeJob } from "../sql/complete-job.ts";
import { deleteOrphanEvents } from "../sql/delete-orphan-events.ts";
import { queueSql } from "../sql/statement.ts";
import type { ContextKey } from "../task/context-key.ts";
import type { Deferrer } from "../task/deferrer.ts";
import type { JobContext, WorkerHandle } from "../task/job-context.ts";
import { JobNotes } from "./job-notes.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/**
 * One run of a job: the context of its handler, and what the worker knows of it. The context's functions are getters, so
 * that a handler can take them out of it, and a job that uses none pays for none.
 */
export class RunningJob implements JobContext {
  readonly job: Job;
  readonly startedAt: number;
  readonly #runtime: WorkerRuntime;
  #controller: AbortController | undefined;
  #abortReason: AbortReason | undefined;
  #onAbort: (() => void) | undefined;
  #completed = false;
  #hasEnded = false;
  #hasSpokenLate = false;
  /** By the transaction in which the handler completes the job. */
  #isRowLocked = false;
  /** Made when the handler says something. */
  #notes: JobNotes | undefined;

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

  get worker(): WorkerHandle {
    const { options, requestStop } = this.#runtime;
    return { name: options.name, queues: options.queues, stop: requestStop };
  }

  get get(): JobContext["get"] {
    const { context } = this.#runtime.options;
    return <Value>(key: ContextKey<Value>): Value => context.get(key);
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

  /**
   * Asks the run to stop. The first reason stays, but for a lost lease, which overrides any. Of a run that is over that
   * is remembered, as its outcome may not be decided yet; nobody is left to be asked.
   */
  abort(reason: AbortReason): void {
    const isLost = reason === "lease_lost";
    if (!isLost && (this.#abortReason !== undefined || this.#hasEnded)) return;
    const isNew = this.#abortReason !== reason;
    this.#abortReason = reason;
    if (this.#hasEnded) return;
    if (isNew) this.#runtime.events.emit("abort_job", { job: this.job, reason });
    this.#controller?.abort(toError(reason));
    this.#onAbort?.();
  }

  get defer(): Deferrer<object>["defer"] {
    return this.#runtime.deferrer.defer;
  }

  get batchDefer(): Deferrer<object>["batchDefer"] {
    return this.#runtime.deferrer.batchDefer;
  }

  get deferByName(): Deferrer<object>["deferByName"] {
    return this.#runtime.deferrer.deferByName;
  }

  get batchDeferByName(): Deferrer<object>["batchDeferByName"] {
    return this.#runtime.deferrer.batchDeferByName;
  }

  /** What the handler said of itself, if it did. */
  get notes(): JobNotes | undefined {
    return this.#notes;
  }

  /** Writes what the handler said of itself. Never rejects. */
  async flushNotes(): Promise<void> {
    await this.#notes?.flush();
    const { options, health, sql } = this.#runtime;
    if (!this.#completed || options.deleteJobs === "never") return;
    // A line that was under way when the handler's transaction deleted the job may have come after it.
    await health.insist(() => deleteOrphanEvents(sql, this.job.id)).catch(() => undefined);
  }

  get #openNotes(): JobNotes {
    if (this.#notes) return this.#notes;
    this.#notes = new JobNotes(this.job, this.#runtime, () => {
      if (!this.#completed) this.abort("lease_lost");
    });
    if (this.#isRowLocked) this.#notes.hold();
    return this.#notes;
  }

  get progress(): JobContext["progress"] {
    return (value: unknown): void => {
      if (this.#isLate("progress")) return;
      this.#openNotes.progress(value);
    };
  }

  get log(): JobContext["log"] {
    return (level: LogLevel, message: string, fields: LogFields = {}): void => {
      if (!this.#isLate("log")) this.#openNotes.log(level, message, fields);
      this.logger[level](fields, message);
    };
  }

  /** The run is over: what its handler says from now on is not written. */
  end(): void {
    this.#hasEnded = true;
  }

  /** Nobody waits for what was left running, so an error there could end the process, and the other jobs with it. */
  #isLate(method: "progress" | "log"): boolean {
    if (!this.#hasEnded) return false;
    if (!this.#hasSpokenLate) this.#runtime.events.emit("note_after_end", { job: this.job, method });
    this.#hasSpokenLate = true;
    return true;
  }

  get complete(): JobContext["complete"] {
    return (tx: object, result?: unknown): Promise<void> => this.#complete(tx, result);
  }

  async #complete(tx: object, result: unknown): Promise<void> {
    if (this.#hasEnded) throw new LeaseLostError(this.job.id, "its run has ended. Await in the handler what it starts");
    const problem = result === undefined ? undefined : findJsonProblem(result, "result");
    if (problem) throw new InvalidArgsError(this.job.taskName, problem.path, problem.problem);
    const { connector, tables, options, identity } = this.#runtime;
    // Not awaited: on a pool of one connection they could only be written after the caller's transaction.
    this.#isRowLocked = true;
    this.#notes?.hold();
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
