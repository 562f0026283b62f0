import type { Job } from "../job.ts";
import { fetchJob, type ToldJob } from "../sql/fetch-job.ts";
import { fetchJobs } from "../sql/fetch-jobs.ts";
import { fetchLockedJobs } from "../sql/fetch-locked-jobs.ts";
import type { JobCompleter } from "./job-completer.ts";
import type { PrefetchGauge } from "./prefetch-gauge.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** The estimate of the candidates' cost ends here, and so does a look into the index. */
const MAX_WINDOW = 1000;
const WINDOW_GROWTH = 4;
/** Where many locks wait, the first ones take so many jobs with them: of each job's cost most is that of its lane. */
const OWN_FOLLOWERS = 7;
/** Fetches without a lock or a future job until the light statement is tried again. */
const PLAIN_AFTER = 20;

export interface FetchedJobs {
  readonly jobs: readonly Job[];
  readonly textLength: number;
  /** There may be more that can run now: fetch again at once. */
  readonly more: boolean;
  /** Milliseconds until the next scheduled job is due. */
  readonly nextWakeMs: number | undefined;
}

/** Claims jobs with the lighter of two statements that will do, and widens its view behind jobs that cannot run. */
export class JobFetcher {
  readonly #runtime: WorkerRuntime;
  readonly #completer: JobCompleter;
  readonly #gauge: PrefetchGauge;
  #withLocks = false;
  #sinceLocks = 0;
  #window = 0;

  constructor(runtime: WorkerRuntime, completer: JobCompleter, gauge: PrefetchGauge) {
    this.#runtime = runtime;
    this.#completer = completer;
    this.#gauge = gauge;
  }

  /** Nobody uses locks, so that claims do not stand in each other's way. */
  get isLight(): boolean {
    return !this.#withLocks;
  }

  async fetch(queues: readonly string[], limit: number): Promise<FetchedJobs> {
    const { clock, events } = this.#runtime;
    const startedAt = clock.now();
    const fetched = this.#withLocks ? await this.#fetchLocked(queues, limit) : await this.#fetchPlain(queues, limit);
    const durationMs = clock.now() - startedAt;
    this.#gauge.fetched(durationMs, fetched.jobs.length, fetched.textLength);
    if (events.has("jobs_fetched")) events.emit("jobs_fetched", { count: fetched.jobs.length, durationMs });
    return fetched;
  }

  /** Claims a job that was told of, if nothing speaks against it. */
  async fetchTold(told: ToldJob): Promise<readonly Job[]> {
    const { sql, identity, clock, events } = this.#runtime;
    const startedAt = clock.now();
    const jobs = await fetchJob(sql, identity.id, told);
    if (events.has("jobs_fetched"))
      events.emit("jobs_fetched", { count: jobs.length, durationMs: clock.now() - startedAt });
    return jobs;
  }

  async #fetchPlain(queues: readonly string[], limit: number): Promise<FetchedJobs> {
    const { sql, identity } = this.#runtime;
    const { jobs, textLength, seen, special, nextWakeMs } = await fetchJobs(sql, {
      workerId: identity.id,
      queues,
      limit,
    });
    if (special) {
      this.#withLocks = true;
      this.#sinceLocks = 0;
      return this.#fetchLocked(queues, limit);
    }
    return { jobs, textLength, more: seen > jobs.length, nextWakeMs };
  }

  async #fetchLocked(queues: readonly string[], limit: number): Promise<FetchedJobs> {
    const { sql, identity, options } = this.#runtime;
    const window = Math.min(Math.max(limit, this.#window), MAX_WINDOW);
    const followers = this.#gauge.followers;
    // All slots find a lane, and another one after it.
    const ownFollowers = Math.max(0, Math.min(OWN_FOLLOWERS, Math.floor(limit / (2 * options.concurrency)) - 1));
    const request = { workerId: identity.id, queues, limit, window, followers, ownFollowers };
    const { jobs, textLength, seen, aside, waitingLocks, nextWakeMs } = await fetchLockedJobs(sql, request);
    // The release of these locks may have crossed the statement, and would then have found nobody waiting.
    this.#completer.promote(waitingLocks);
    const isShort = jobs.length < limit;
    this.#window = isShort && aside > 0 ? window * WINDOW_GROWTH : 0;
    if (aside > 0 || jobs.some((job) => job.lock !== null)) this.#sinceLocks = 0;
    else if (++this.#sinceLocks >= PLAIN_AFTER) this.#withLocks = false;
    return { jobs, textLength, more: isShort && (aside > 0 || seen > jobs.length), nextWakeMs };
  }
}
