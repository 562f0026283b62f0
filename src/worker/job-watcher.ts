import { Loop, type Service } from "../service.ts";
import { checkRunningJobs } from "../sql/check-running-jobs.ts";
import type { JobDispatcher } from "./job-dispatcher.ts";
import type { JobExecutor } from "./job-executor.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

const TICK_MS = 1000;
/** Shorter jobs end before anybody could ask for their abort. */
const LONG_MS = 1000;

/** Looks after jobs that take long: hears of abort requests and lost leases, and gives back what waits behind them. */
export class JobWatcher implements Service {
  readonly #runtime: WorkerRuntime;
  readonly #executor: JobExecutor;
  readonly #dispatcher: JobDispatcher;
  readonly #loop: Loop;
  #checkedAt: number;
  #checkNow = false;

  constructor(runtime: WorkerRuntime, executor: JobExecutor, dispatcher: JobDispatcher) {
    this.#runtime = runtime;
    this.#executor = executor;
    this.#dispatcher = dispatcher;
    this.#checkedAt = runtime.clock.now();
    const { clock, health } = runtime;
    this.#loop = new Loop({ clock, step: () => this.#step(), onError: (error) => Math.max(health.failed(error), 100) });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Somebody asked for the abort of a job, maybe one of ours. */
  checkNow(): void {
    this.#checkNow = true;
    this.#loop.wake();
  }

  async #step(): Promise<number> {
    const { clock, options, sql, health, identity } = this.#runtime;
    this.#dispatcher.releaseOlderThan(TICK_MS);
    const now = clock.now();
    if (!this.#checkNow && now - this.#checkedAt < options.abortPollingIntervalMs) return TICK_MS;
    const all = this.#checkNow;
    this.#checkNow = false;
    this.#checkedAt = now;
    const watched = [...this.#executor.running].filter((running) => all || now - running.startedAt >= LONG_MS);
    if (watched.length === 0) return TICK_MS;
    const byJob = new Map(watched.map((running) => [running.job, running]));
    const { lost, abortRequested } = await checkRunningJobs(sql, identity.id, [...byJob.keys()]);
    health.ok();
    for (const job of abortRequested) byJob.get(job)?.abort("user_request");
    // One that completed in its own transaction is no longer running either.
    for (const job of lost) if (!byJob.get(job)?.completed) byJob.get(job)?.abort("lease_lost");
    return TICK_MS;
  }
}
