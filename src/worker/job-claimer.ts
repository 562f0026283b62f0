import type { Job } from "../job.ts";
import { type FetchRequest, fetchJobs } from "../sql/fetch-jobs.ts";
import { fetchLockedJobs } from "../sql/fetch-locked-jobs.ts";
import type { JobCompleter } from "./job-completer.ts";
import { isCut, lanesOf, type Place, passedPlace } from "./passed-place.ts";
import type { PrefetchGauge } from "./prefetch-gauge.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** Beyond this a fetch gets no faster per job, and it is the outer limit of the statement's estimate. */
export const MAX_FETCH = 1000;
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
  /** Milliseconds in Postgres. */
  readonly tookMs: number;
  /** There may be more that can run now: fetch again at once. */
  readonly more: boolean;
  /** It took all that it looked at of some queue: there may be more of that one. */
  readonly isCut: boolean;
  /** Few lanes took all of it: others would have been found, if any lock were free. */
  readonly isLockBound: boolean;
  /** It would also have claimed what comes before this one, if it found any. */
  readonly passed?: Place | undefined;
  /** When it was answered. */
  readonly endedAt: number;
  /** Milliseconds until the next scheduled job is due. */
  readonly nextWakeMs: number | undefined;
  /** Nothing was found where jobs should be next; in so many milliseconds it is time to look everywhere. */
  readonly lookAgainMs?: number | undefined;
}

/** What is known where there was nothing to look into. */
export const NO_JOBS: FetchedJobs = {
  ...{ jobs: [], textLength: 0, tookMs: 0, endedAt: Number.NEGATIVE_INFINITY },
  ...{ more: false, isCut: false, isLockBound: false, nextWakeMs: undefined },
};

export type ClaimRequest = Omit<FetchRequest, "workerId">;
type Claimed = Omit<FetchedJobs, "endedAt" | "lookAgainMs">;

/** Claims jobs with the lighter of two statements that will do, and widens its view behind jobs that cannot run. */
export class JobClaimer {
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

  /** @param isBeside It looks for long, beside the fetches. Default: false. */
  async claim(request: ClaimRequest, isBeside = false): Promise<FetchedJobs> {
    const { clock, events } = this.#runtime;
    const startedAt = clock.now();
    const fetched = this.#withLocks ? await this.#fetchLocked(request) : await this.#fetchPlain(request);
    const endedAt = clock.now();
    const durationMs = endedAt - startedAt;
    // A long look says nothing of how far ahead to fetch.
    if (!isBeside) this.#gauge.fetched(durationMs, fetched.jobs.length, fetched.textLength);
    if (events.has("jobs_fetched")) events.emit("jobs_fetched", { count: fetched.jobs.length, durationMs });
    return { ...fetched, endedAt };
  }

  async #fetchPlain(request: ClaimRequest): Promise<Claimed> {
    const { sql, identity } = this.#runtime;
    const { jobs, textLength, seen, special, nextWakeMs, tookMs } = await fetchJobs(sql, {
      workerId: identity.id,
      ...request,
    });
    if (special) {
      this.#withLocks = true;
      this.#sinceLocks = 0;
      return this.#fetchLocked(request);
    }
    const { limit } = request;
    const where = { passed: passedPlace(jobs, request, limit, seen), isCut: isCut(jobs, request, limit) };
    return { jobs, textLength, tookMs, ...where, more: seen > jobs.length, isLockBound: false, nextWakeMs };
  }

  async #fetchLocked(wanted: ClaimRequest): Promise<Claimed> {
    const { sql, identity, options } = this.#runtime;
    const { limit } = wanted;
    const window = Math.min(Math.max(limit, this.#window), MAX_WINDOW);
    const followers = this.#gauge.followers;
    // All slots find a lane, and another one after it.
    const ownFollowers = Math.max(0, Math.min(OWN_FOLLOWERS, Math.floor(limit / (2 * options.concurrency)) - 1));
    const request = { workerId: identity.id, ...wanted, window, followers, ownFollowers };
    const { jobs, textLength, seen, aside, waitingLocks, nextWakeMs, tookMs } = await fetchLockedJobs(sql, request);
    // The release of these locks may have crossed the statement, and would then have found nobody waiting.
    this.#completer.promote(waitingLocks);
    const isShort = jobs.length < limit;
    this.#window = isShort && aside > 0 ? window * WINDOW_GROWTH : 0;
    if (aside > 0 || jobs.some((job) => job.lock !== null)) this.#sinceLocks = 0;
    else if (++this.#sinceLocks >= PLAIN_AFTER) this.#withLocks = false;
    const isLockBound = jobs.length > limit / 2 && jobs.length > (OWN_FOLLOWERS + 1) * lanesOf(jobs).length;
    const more = isShort && (aside > 0 || seen > jobs.length);
    const where = { passed: passedPlace(jobs, wanted, window, seen), isCut: isCut(jobs, wanted, window) };
    return { jobs, textLength, tookMs, ...where, more, isLockBound, nextWakeMs };
  }
}

/** There may be more where it looked. */
export function hasMore({ jobs, more, isCut }: FetchedJobs, limit: number): boolean {
  return jobs.length === limit || more || isCut;
}
