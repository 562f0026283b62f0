import { TaskNotFoundError, TaskNotRunnableError } from "../errors.ts";
import type { Job } from "../job.ts";
import { checkRunningJobs } from "../sql/check-running-jobs.ts";
import { findRunState } from "../sql/find-run-state.ts";
import type { AnyTask } from "../task/task.ts";
import { validateArgs } from "../task/validate-args.ts";
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

  /** Runs one job to its end. Never rejects. */
  async execute(job: Job, claimedAt: number): Promise<Outcome | Undecided> {
    if (job.rescues >= 1) return this.#executeSuspect(job);
    if (this.#mayBeLost(claimedAt)) {
      const { health, sql, identity } = this.#runtime;
      const state = await health.insist(() => findRunState(sql, identity.id, job)).catch(() => undefined);
      if (this.#isStopping || !state) return { kind: "interrupted" };
      if (state !== "running") return { kind: "lost" };
    }
    return this.#execute(job);
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

  async #execute(job: Job): Promise<Outcome | Undecided> {
    const { events, tasks } = this.#runtime;
    const running = new RunningJob(job, this.#runtime);
    const task = tasks.find(job.taskName);
    if (events.has("start_job")) events.emit("start_job", { job });
    this.#running.add(running);
    const end = await this.#runHandler(task, running);
    this.#running.delete(running);
    if (this.#running.size === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
    if (!("lateEnd" in end)) return this.#decide(task, running, end);
    if (!running.completed) return this.#decide(task, running, { threw: ABANDONED });
    return { kind: "undecided", decided: end.lateEnd.then((late) => this.#decide(task, running, late)) };
  }

  /** Asked before the slot is free, so that a job of the same lock does not start after one that will run again. */
  async #decide(task: AnyTask | undefined, running: RunningJob, end: RunEnd): Promise<Outcome> {
    const { events, random, health, sql, identity } = this.#runtime;
    const { job } = running;
    if (!task) {
      events.emit("task_not_found", { job });
      return { kind: "failed", error: new TaskNotFoundError(job.taskName, this.#runtime.tasks.names) };
    }
    const completion = running.completed
      ? await health.insist(() => findRunState(sql, identity.id, job)).catch(() => "ended" as const)
      : undefined;
    return decideOutcome({ job, task, end, abortReason: running.abortReason, completion, random });
  }

  async #runHandler(task: AnyTask | undefined, running: RunningJob): Promise<RunEnd | AbandonedRun> {
    const { job } = running;
    try {
      if (!task) return { threw: undefined };
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
  #untilAbandoned(task: AnyTask, running: RunningJob, handler: PromiseLike<unknown>): Promise<RunEnd | AbandonedRun> {
    const { clock, options, events } = this.#runtime;
    const { job } = running;
    return new Promise((resolve) => {
      const { timeoutMs } = task;
      const stopTimeout = timeoutMs === undefined ? undefined : clock.timer(timeoutMs, () => running.abort("timeout"));
      let stopAbandon: (() => void) | undefined;
      const settle = (end: RunEnd): RunEnd => {
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

/** A handler that ignored its aborted signal for too long. */
interface AbandonedRun {
  readonly lateEnd: Promise<RunEnd>;
}

/** Stands for what such a handler did not throw. */
const ABANDONED = new Error("The handler ignored its aborted signal");

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
