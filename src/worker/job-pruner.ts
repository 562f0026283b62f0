import { OldJobsWalk } from "../jobs/old-jobs-walk.ts";
import { Loop, type Service } from "../service.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** Between two walks, more or less, so that the workers of an app take turns. */
const WALK_MS = 600_000;
/** A worker that has just started has more to do, and many may start at once. */
const FIRST_MS = 60_000;
/** Jobs that are kept for longer than others, or took long to end, are seen again after this time. */
const WHOLE_MS = 86_400_000;
/** The share of a session's time: 1 in 5. */
const PAUSE_PER_PAGE = 4;
const MIN_PAUSE_MS = 10;

/** Deletes finished jobs that are older than the app keeps them, in the background. */
export class JobPruner implements Service {
  readonly #runtime: WorkerRuntime;
  readonly #walk: OldJobsWalk | undefined;
  readonly #loop: Loop;
  #isFirst = true;
  #wholeAt: number;
  #deleted = 0;
  #kept = 0;

  constructor(runtime: WorkerRuntime) {
    this.#runtime = runtime;
    const { clock, health, retention, sql } = runtime;
    this.#walk = retention && new OldJobsWalk(sql, { keptMs: retention, exclusive: true });
    this.#wholeAt = clock.now() + WHOLE_MS;
    this.#loop = new Loop({
      clock,
      step: () => this.#step(),
      onError: (error) => Math.max(health.failed(error), 1000),
    });
  }

  /** A worker that stops as soon as there is no job has no background. */
  async start(): Promise<void> {
    if (this.#walk && this.#runtime.options.wait) await this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #step(): Promise<number> {
    const { clock, events, health, random } = this.#runtime;
    const spread = 0.5 + random();
    if (this.#isFirst || !this.#walk) {
      this.#isFirst = false;
      return FIRST_MS * spread;
    }
    const startedAt = clock.now();
    const { deleted, isBusy, isEnd, refusal } = await this.#walk.next();
    health.ok();
    if (isBusy) return FIRST_MS * spread;
    this.#deleted += deleted;
    if (refusal && ++this.#kept === 1) events.emit("old_job_kept", { error: refusal });
    if (!isEnd) return Math.max(MIN_PAUSE_MS, PAUSE_PER_PAGE * (clock.now() - startedAt));
    if (this.#deleted + this.#kept > 0) events.emit("old_jobs_deleted", { deleted: this.#deleted, kept: this.#kept });
    this.#deleted = 0;
    this.#kept = 0;
    this.#restartDaily();
    return WALK_MS * spread;
  }

  #restartDaily(): void {
    const now = this.#runtime.clock.now();
    if (now < this.#wholeAt) return;
    this.#wholeAt = now + WHOLE_MS;
    this.#walk?.restart();
  }
}
