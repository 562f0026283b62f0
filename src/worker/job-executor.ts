import { TaskNotFoundError, TaskNotRunnableError } from "../errors.ts";
import type { Job } from "../job.ts";
import { checkRunningJobs } from "../sql/check-running-jobs.ts";
import { findRunState } from "../sql/find-run-state.ts";
import type { JobMiddleware } from "../task/middleware.ts";
import type { AnyTask } from "../task/task.ts";
import { validateArgs } from "../task/validate-args.ts";
import { runMiddleware } from "./run-middleware.ts";
import { decideOutcome, type Outcome, type RunEnd, type Undecided } from "./run-outcome.ts";
import { RunningJob } from "./running-job.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** Runs the handlers of jobs and decides what becomes of these; writes nothing about it. */
export class JobExecutor {
  readonly #runtime: WorkerRuntime;
  readonly #mayBeLost: (claimedAt: number) => boolean;
  readonly #running = new Set<RunningJob>();
  readonly #abandoned = new Set<bigint>();
  #suspects: Promise<unknown> = Promise.resolve();
  #isStopping = false;
  readonly #onIdle: (() => void)[] = [];

  /** @param mayBeLost Whether what was claimed at that time may have been rescued since: this worker looked dead. */
  constructor(runtime: WorkerRuntime, mayBeLost: (claimedAt: number) => boolean) {
    this.#runtime = runtime;
    this.#mayBeLost = mayBeLost;
  }

  /** Whose handlers are running. */
  get running(): ReadonlySet<RunningJob> {
    return this.#running;
  }

  /** Starts no handler any more: jobs that wait for their turn are interrupted. Resolves when none is running. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  /** Jobs whose handler may still be running although the worker gave it up. */
  get abandoned(): ReadonlySet<bigint> {
    return this.#abandoned;
  }

  /**
   * Runs one job to its end. Never rejects, and gives no promise where none is needed: short jobs are tens of thousands
   * a second, and each promise between them and their outcome costs as much as they do.
   */
  execute(job: Job, claimedAt: number): MaybePromise<Outcome | Undecided> {
    if (job.rescues >= 1) return this.#executeSuspect(job);
    return this.#mayBeLost(claimedAt) ? this.#executeIfOurs(job) : this.#execute(job);
  }

  async #executeIfOurs(job: Job): Promise<Outcome | Undecided> {
    const { health, sql, identity } = this.#runtime;
    const state = await health.insist(() => findRunState(sql, identity.id, job)).catch(() => undefined);
    if (this.#isStopping || !state) return { kind: "interrupted" };
    return state === "running" ? this.#execute(job) : { kind: "lost" };
  }

  /**
   * A job that was rescued may be what killed its worker. It is marked before it runs, so that the next rescue can tell
   * it from its neighbours; after the second rescue such jobs run one at a time, so that only the guilty one is marked.
   */
  async #executeSuspect(job: Job): Promise<Outcome | Undecided> {
    const run = async (): Promise<Outcome | Undecided> => {
      const { health, sql, identity } = this.#runtime;
      // Without its mark it must not run; at the end of a shutdown it is left to the rescue.
      const checked = await health.insist(() => checkRunningJobs(sql, identity.id, [job])).catch(() => undefined);
      if (this.#isStopping || !checked) return { kind: "interrupted" };
      return checked.lost.length > 0 ? { kind: "lost" } : this.#execute(job);
    };
    if (job.rescues < 2) return run();
    const turn = this.#suspects.then(run);
    this.#suspects = turn.catch(() => undefined);
    return turn;
  }

  #execute(job: Job): MaybePromise<Outcome | Undecided> {
    const { events, tasks } = this.#runtime;
    const running = new RunningJob(job, this.#runtime);
    const task = tasks.find(job.taskName);
    if (events.has("start_job")) events.emit("start_job", { job });
    if (!task) {
      events.emit("task_not_found", { job });
      return { kind: "failed", error: new TaskNotFoundError(job.taskName, tasks.names) };
    }
    this.#running.add(running);
    const end = this.#runHandler(task, running);
    return end instanceof Promise
      ? end.then((ended) => this.#ended(task, running, ended))
      : this.#ended(task, running, end);
  }

  #ended(task: AnyTask, running: RunningJob, end: RunEnd | AbandonedRun): MaybePromise<Outcome | Undecided> {
    this.#running.delete(running);
    running.end();
    if (this.#running.size === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
    if (running.notes) return running.flushNotes().then(() => this.#decideEnded(task, running, end));
    return this.#decideEnded(task, running, end);
  }

  #decideEnded(task: AnyTask, running: RunningJob, end: RunEnd | AbandonedRun): MaybePromise<Outcome | Undecided> {
    if (!("lateEnd" in end)) return this.#decide(task, running, end);
    if (!running.completed) return this.#decide(task, running, { threw: ABANDONED });
    return { kind: "undecided", decided: end.lateEnd.then((late) => this.#decide(task, running, late)) };
  }

  #decide(task: AnyTask, running: RunningJob, end: RunEnd): MaybePromise<Outcome> {
    if (running.completed) return this.#decideCompleted(task, running, end);
    const { job, abortReason } = running;
    return decideOutcome({ job, task, end, abortReason, completion: undefined, random: this.#runtime.random });
  }

  /** Asked before the slot is free, so that a job of the same lock does not start after one that will run again. */
  async #decideCompleted(task: AnyTask, running: RunningJob, end: RunEnd): Promise<Outcome> {
    const { random, health, sql, identity } = this.#runtime;
    const { job } = running;
    const completion = await health.insist(() => findRunState(sql, identity.id, job)).catch(() => "ended" as const);
    return decideOutcome({ job, task, end, abortReason: running.abortReason, completion, random });
  }

  #runHandler(task: AnyTask, running: RunningJob): MaybePromise<RunEnd | AbandonedRun> {
    const fail = (threw: unknown): RunEnd => ({ threw });
    const { middleware } = this.#runtime.options;
    if (middleware.length + task.middleware.length > 0) {
      const layered = this.#runLayers([...middleware, ...(task.middleware as readonly JobMiddleware[])], task, running);
      return this.#untilAbandoned(task, running, layered).catch(fail);
    }
    try {
      const args = validateArgs(task, running.job.args, { quotes: false });
      const returned =
        args instanceof Promise
          ? args.then((valid) => startHandler(task, running, valid))
          : startHandler(task, running, args);
      // A thenable's own `then` may throw.
      return isThenable(returned) ? this.#untilAbandoned(task, running, returned).catch(fail) : { returned };
    } catch (threw) {
      return fail(threw);
    }
  }

  #runLayers(layers: readonly JobMiddleware[], task: AnyTask, running: RunningJob): Promise<unknown> {
    return runMiddleware(layers, running, async () => {
      const args = await validateArgs(task, running.job.args, { quotes: false });
      return startHandler(task, running, args);
    });
  }

  /** Waits for the handler, but not for ever once it was asked to stop. */
  #untilAbandoned(task: AnyTask, running: RunningJob, handler: PromiseLike<unknown>): Promise<RunEnd | AbandonedRun> {
    const { clock, options, events } = this.#runtime;
    const { job } = running;
    return new Promise((resolve) => {
      const { timeoutMs } = task;
      const stopTimeout = timeoutMs === undefined ? undefined : clock.timer(timeoutMs, () => running.abort("timeout"));
      let stopAbandon: (() => void) | undefined;
      const settle = (end: RunEnd): RunEnd => {
        // Already here: what comes between this and its outcome asks nobody to stop.
        running.end();
        stopTimeout?.();
        stopAbandon?.();
        this.#abandoned.delete(job.id);
        resolve(end);
        return end;
      };
      const ended = handler.then(
        (returned) => settle({ returned }),
        (threw: unknown) => settle({ threw }),
      );
      running.onAbort(() => {
        stopAbandon ??= clock.timer(options.abandonAfterMs, () => {
          this.#abandoned.add(job.id);
          events.emit("job_abandoned", { job });
          resolve({ lateEnd: Promise.resolve(ended) });
        });
      });
    });
  }
}

type MaybePromise<T> = T | Promise<T>;

/** A handler that ignored its aborted signal for too long. */
interface AbandonedRun {
  readonly lateEnd: Promise<RunEnd>;
}

/** Stands for what such a handler did not throw. */
const ABANDONED = new Error("The handler ignored its aborted signal");

/** Not once the run was asked to stop, while its schema or a middleware took its time: it may be over. */
function startHandler(task: AnyTask, running: RunningJob, args: unknown): unknown {
  if (!task.run) throw new TaskNotRunnableError(task.name);
  if (running.abortReason !== undefined) throw running.signal.reason;
  return task.run(args as never, running as never);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
