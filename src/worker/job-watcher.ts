import { Loop, type Service } from "../service.ts";
import { checkRunningJobs } from "../sql/check-running-jobs.ts";
import type { JobDispatcher } from "./job-dispatcher.ts";
import type { JobExecutor } from "./job-executor.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

const TICK_MS = 1000;
/** Claimed jobs that have been waiting for longer than this are given back. */
const PATIENCE_MS = 1000;
/** Shorter jobs end before anybody could ask for their abort, unless abort requests are looked for more often. */
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
    const { clock, options } = this.#runtime;
    this.#dispatcher.releaseOlderThan(PATIENCE_MS);
    const isDue = clock.now() - this.#checkedAt >= options.abortPollingIntervalMs;
    if (isDue || this.#checkNow) await this.#check();
    return Math.min(TICK_MS, Math.max(1, this.#checkedAt + options.abortPollingIntervalMs - clock.now()));
  }

  async #check(): Promise<void> {
    const { clock, options, sql, health, identity } = this.#runtime;
    const all = this.#checkNow;
    const checkedAt = this.#checkedAt;
    this.#checkNow = false;
    this.#checkedAt = clock.now();
    const begunBefore = this.#checkedAt - Math.min(LONG_MS, options.abortPollingIntervalMs);
    const watched = [...this.#executor.running].filter((running) => all || running.startedAt <= begunBefore);
    if (watched.length === 0) return;
    const byJob = new Map(watched.map((running) => [running.job, running]));
    const { lost, abortRequested } = await checkRunningJobs(sql, identity.id, [...byJob.keys()]).catch((error) => {
      this.#checkNow ||= all;
      this.#checkedAt = checkedAt;
      throw error;
    });
    health.ok();
    for (const job of abortRequested) byJob.get(job)?.abort("user_request");
    // One that completed in its own transaction is no longer running either.
    for (const job of lost) if (!byJob.get(job)?.completed) byJob.get(job)?.abort("lease_lost");
  }
}
