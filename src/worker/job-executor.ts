import { CompletionRolledBackError, TaskNotFoundError, TaskNotRunnableError } from "../errors.ts";
import type { Job } from "../job.ts";
import { checkRunningJobs } from "../sql/check-running-jobs.ts";
import { findRunningJobs } from "../sql/find-running-jobs.ts";
import type { AnyTask } from "../task/task.ts";
import { validateArgs } from "../task/validate-args.ts";
import { decideOutcome, type Outcome, type RunEnd } from "./run-outcome.ts";
import { RunningJob } from "./running-job.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** A handler that ignores its signal is given up after a while; this stands for what it did not throw. */
const ABANDONED = new Error("The handler ignored its aborted signal");

/** Runs the handlers of jobs and decides what becomes of these; writes nothing about it. */
export class JobExecutor {
  readonly #runtime: WorkerRuntime;
  readonly #onLateEnd: () => void;
  readonly #running = new Set<RunningJob>();
  readonly #abandoned = new Set<bigint>();
  #suspects: Promise<unknown> = Promise.resolve();
  #isStopping = false;
  readonly #onIdle: (() => void)[] = [];

  /** @param onLateEnd A handler that was given up has ended after all. */
  constructor(runtime: WorkerRuntime, onLateEnd: () => void) {
    this.#runtime = runtime;
    this.#onLateEnd = onLateEnd;
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

  /** Runs one job to its end. Never rejects. */
  async execute(job: Job): Promise<Outcome> {
    if (job.rescues >= 1) return this.#executeSuspect(job);
    return this.#execute(job);
  }

  /**
   * A job that was rescued may be what killed its worker. It is marked before it runs, so that the next rescue can tell
   * it from its neighbours; after the second rescue such jobs run one at a time, so that only the guilty one is marked.
   */
  async #executeSuspect(job: Job): Promise<Outcome> {
    const run = async (): Promise<Outcome> => {
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

  async #execute(job: Job): Promise<Outcome> {
    const { events, tasks, random } = this.#runtime;
    const running = new RunningJob(job, this.#runtime);
    const task = tasks.find(job.taskName);
    if (events.has("start_job")) events.emit("start_job", { job });
    this.#running.add(running);
    let end = await this.#runHandler(task, running);
    this.#running.delete(running);
    if (this.#running.size === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
    // Its row is locked by that transaction: writing to it would wait for as long as the handler hangs.
    if (running.completed && "threw" in end && end.threw === ABANDONED) return { kind: "undecided" };
    const completed = running.completed && (await this.#isCompletionCommitted(running));
    // It said that it was done and its transaction did not commit: its writes are gone, so it was not.
    if (running.completed && !completed && "returned" in end) end = { threw: new CompletionRolledBackError(job.id) };
    if (!task) {
      events.emit("task_not_found", { job });
      return { kind: "failed", error: (end as { threw: unknown }).threw };
    }
    return decideOutcome({ job, task, end, abortReason: running.abortReason, completed, random });
  }

  /** Asked before the slot is free, so that a job of the same lock does not start after one that will run again. */
  async #isCompletionCommitted({ job }: RunningJob): Promise<boolean> {
    const { health, sql, identity } = this.#runtime;
    const stillRunning = await health.insist(() => findRunningJobs(sql, identity.id, [job])).catch(() => []);
    return stillRunning.length === 0;
  }

  async #runHandler(task: AnyTask | undefined, running: RunningJob): Promise<RunEnd> {
    const { job } = running;
    try {
      if (!task) throw new TaskNotFoundError(job.taskName, this.#runtime.tasks.names);
      if (!task.run) throw new TaskNotRunnableError(task.name);
      const validated = validateArgs(task, job.args);
      const args = validated instanceof Promise ? await validated : validated;
      const returned = task.run(args as never, running as never);
      if (!isThenable(returned)) return { returned };
      return await this.#untilAbandoned(task, running, returned);
    } catch (threw) {
      return { threw };
    }
  }

  /** Waits for the handler, but not for ever once it was asked to stop. */
  #untilAbandoned(task: AnyTask, running: RunningJob, handler: PromiseLike<unknown>): Promise<RunEnd> {
    const { clock, options, events } = this.#runtime;
    return new Promise<RunEnd>((resolve) => {
      const stopTimeout =
        task.timeoutMs === undefined ? undefined : clock.timer(task.timeoutMs, () => running.abort("timeout"));
      let stopAbandon: (() => void) | undefined;
      const settle = (end: RunEnd): void => {
        stopTimeout?.();
        stopAbandon?.();
        if (this.#abandoned.delete(running.job.id)) this.#onLateEnd();
        resolve(end);
      };
      running.onAbort(() => {
        stopAbandon ??= clock.timer(options.abandonAfterMs, () => {
          this.#abandoned.add(running.job.id);
          events.emit("job_abandoned", { job: running.job });
          resolve({ threw: ABANDONED });
        });
      });
      handler.then(
        (returned) => settle({ returned }),
        (threw: unknown) => settle({ threw }),
      );
    });
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
