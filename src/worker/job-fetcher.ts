import type { Job } from "../job.ts";
import { fetchJob, type ToldJob } from "../sql/fetch-job.ts";
import { type FetchRequest, fetchJobs, type QueueFront } from "../sql/fetch-jobs.ts";
import { fetchLockedJobs } from "../sql/fetch-locked-jobs.ts";
import type { JobCompleter } from "./job-completer.ts";
import { lanesOf, type Place, passedPlace } from "./passed-place.ts";
import type { PrefetchGauge } from "./prefetch-gauge.ts";
import { QueueFronts } from "./queue-fronts.ts";
import { ScanBudget } from "./scan-budget.ts";
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
  /** Few lanes took all of it: others would have been found, if any lock were free. */
  readonly isLockBound: boolean;
  /** It would also have claimed what comes before this one, if it found any. */
  readonly passed?: Place | undefined;
  /** Milliseconds until the next scheduled job is due. */
  readonly nextWakeMs: number | undefined;
  /** Nothing was found where jobs should be next; in so many milliseconds it is time to look everywhere. */
  readonly lookAgainMs?: number | undefined;
}

type Request = Omit<FetchRequest, "workerId">;

/** So long a fetch takes at most, and so much more for each job: what is beyond is spent on what is no longer there. */
const FETCH_MS = 5;
const FETCH_MS_PER_JOB = 0.02;
/** But no less than this times what a job takes where nothing stands before it: the machine may be slow, or busy. */
const MARGIN = 1.5;
/** So many jobs of a fetch tell how long one takes. */
const TELLING = 100;
/** So long fetches begin close to the last jobs, while they find some there. */
const NARROW_MS = 100;
/** So long the claim of a single job takes at most, or its plan is none that finds it by its id. */
const TOLD_MS = 5;
/** Where a look takes longer, none goes on where it ended: the last of those takes as long, under the name of a quick statement. */
const LONG_MS = 5_000;
/** What was once quick is trusted for some dozens of fetches. */
const DRIFT = 1.05;
const FADING = 0.99;

/**
 * Claims jobs with the lighter of two statements that will do, and widens its view behind jobs that cannot run. Where
 * that is slow, it begins where it found the last jobs, most of the time.
 */
export class JobFetcher {
  readonly #runtime: WorkerRuntime;
  readonly #completer: JobCompleter;
  readonly #gauge: PrefetchGauge;
  #withLocks = false;
  #sinceLocks = 0;
  #window = 0;
  readonly #fronts = new QueueFronts();
  readonly #budget: ScanBudget;
  readonly #toldBudget: ScanBudget;
  /** When a fetch began far before the last jobs. */
  #wideAt = Number.NEGATIVE_INFINITY;
  /** How long a fetch may take for each job, as the quickest of those say that began where jobs are. */
  #perJobMs: number | undefined;
  /** The last look everywhere found all there was. */
  #ranDry = false;
  #isLooking = false;
  /** Nothing is left behind the fronts, and before them there was more than the last look had room for. */
  #isLookWanted = false;

  constructor(runtime: WorkerRuntime, completer: JobCompleter, gauge: PrefetchGauge) {
    this.#runtime = runtime;
    this.#completer = completer;
    this.#gauge = gauge;
    this.#budget = new ScanBudget(runtime.clock, runtime.options.wait);
    this.#toldBudget = new ScanBudget(runtime.clock, true);
  }

  /** Nobody uses locks, so that claims do not stand in each other's way. */
  get isLight(): boolean {
    return !this.#withLocks;
  }

  async fetch(queues: readonly string[], limit: number): Promise<FetchedJobs> {
    const fronts = this.#frontsOf(queues);
    if (fronts.length === 0) return this.#lookEverywhere({ queues, limit });
    const now = this.#runtime.clock.now();
    if (now - this.#wideAt < NARROW_MS) {
      const fetched = await this.#fetchFrom({ queues, limit, fronts });
      if (fetched.more) return fetched;
    }
    const wide = this.#fronts.of(queues, true);
    // A look that ended meanwhile found that nothing is slow any more.
    if (wide.length === 0) return this.#lookEverywhere({ queues, limit });
    const fetched = await this.#fetchFrom({ queues, limit, fronts: wide });
    // The next ones are wide, too, until they have all that is far before the last jobs.
    if (!isShortOf(fronts, fetched.jobs, limit)) this.#wideAt = now;
    if (fetched.more) return fetched;
    this.#isLookWanted = !this.#ranDry && !this.#isLooking;
    return { ...fetched, lookAgainMs: this.#isLookWanted ? 0 : this.#budget.restMs };
  }

  /** Jobs may wait before those that fetches begin with, and to look there takes long. */
  isLongLookDue(queues: readonly string[]): boolean {
    const isWanted = this.#budget.isDue || this.#isLookWanted || this.#fronts.left(queues) !== undefined;
    return isWanted && this.#frontsOf(queues).length > 0;
  }

  /**
   * Looks everywhere, while fetches go on from where the last jobs were found. After one that had no room for all that
   * was left there, the next ones go on where it ended: at once, as they need not read again what stands before it.
   */
  async look(queues: readonly string[], limit: number): Promise<FetchedJobs> {
    this.#isLooking = true;
    try {
      const left = this.#fronts.left(queues);
      const fetched = left
        ? await this.#fetchFrom({ queues, limit, fronts: left }, true)
        : await this.#lookEverywhere({ queues, limit }, true);
      this.#fronts.looked(fetched.jobs, fetched.jobs.length === limit && fetched.tookMs < LONG_MS);
      return fetched;
    } catch (error) {
      this.#fronts.looked([], false);
      throw error;
    } finally {
      this.#isLooking = false;
    }
  }

  /** There is more than it finds, as long as it finds something. */
  async #fetchFrom(request: Request, isBeside = false): Promise<FetchedJobs> {
    const fetched = await this.#timed(request, isBeside);
    this.#fronts.claimed(fetched.jobs);
    if (!isBeside) this.#learn(fetched);
    return { ...fetched, more: fetched.jobs.length > 0 || fetched.more };
  }

  #frontsOf(queues: readonly string[]): readonly QueueFront[] {
    return this.#budget.isSlow ? this.#fronts.of(queues) : [];
  }

  /** @param isBeside While fetches go on. Default: false. */
  async #lookEverywhere(request: Request, isBeside = false): Promise<FetchedJobs> {
    // That queues are quick, or empty, where nothing was found yet says nothing of those that are slow.
    const isElsewhere = this.#budget.isSlow && !this.#fronts.has(request.queues);
    if (!isElsewhere) this.#isLookWanted = false;
    const fetched = await this.#timed(request, isBeside);
    const perJobMs = Math.max(FETCH_MS_PER_JOB, this.#perJobMs ?? 0);
    // Only fetches from elsewhere say how long a job takes, and there are none while these seem quick.
    if (this.#perJobMs !== undefined) this.#perJobMs *= FADING;
    const slowMs = fetched.tookMs - FETCH_MS - perJobMs * fetched.jobs.length;
    if (slowMs > 0 || !isElsewhere) this.#budget.scanned(slowMs);
    if (this.#budget.isSlow) this.#fronts.claimed(fetched.jobs);
    else this.#fronts.clear();
    if (!isElsewhere) this.#ranDry = fetched.jobs.length < request.limit && !fetched.more;
    return fetched;
  }

  #learn({ tookMs, jobs }: FetchedJobs): void {
    if (jobs.length < TELLING) return;
    const perJobMs = Math.max(FETCH_MS_PER_JOB, (MARGIN * (tookMs - FETCH_MS)) / jobs.length);
    this.#perJobMs = Math.min(perJobMs, DRIFT * (this.#perJobMs ?? Number.POSITIVE_INFINITY));
  }

  async #timed(request: Request, isBeside = false): Promise<FetchedJobs> {
    const { clock, events } = this.#runtime;
    const startedAt = clock.now();
    const fetched = this.#withLocks ? await this.#fetchLocked(request) : await this.#fetchPlain(request);
    const durationMs = clock.now() - startedAt;
    // A long look says nothing of how far ahead to fetch.
    if (!isBeside) this.#gauge.fetched(durationMs, fetched.jobs.length, fetched.textLength);
    if (events.has("jobs_fetched")) events.emit("jobs_fetched", { count: fetched.jobs.length, durationMs });
    return fetched;
  }

  /** Claims a job that was told of, if nothing speaks against it, and it is quick. */
  async fetchTold(told: ToldJob): Promise<readonly Job[]> {
    const { sql, identity, clock, events } = this.#runtime;
    if (!this.#toldBudget.isDue) return [];
    const startedAt = clock.now();
    const { jobs, tookMs } = await fetchJob(sql, identity.id, told);
    this.#toldBudget.scanned(tookMs - TOLD_MS);
    if (this.#budget.isSlow && this.#fronts.of([told.queue]).length === 0) this.#fronts.claimed(jobs);
    if (events.has("jobs_fetched"))
      events.emit("jobs_fetched", { count: jobs.length, durationMs: clock.now() - startedAt });
    return jobs;
  }

  async #fetchPlain(request: Request): Promise<FetchedJobs> {
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
    const passed = passedPlace(jobs, request, request.limit, seen);
    return { jobs, textLength, tookMs, passed, more: seen > jobs.length, isLockBound: false, nextWakeMs };
  }

  async #fetchLocked(wanted: Request): Promise<FetchedJobs> {
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
    const passed = passedPlace(jobs, wanted, window, seen);
    return { jobs, textLength, tookMs, passed, more, isLockBound, nextWakeMs };
  }
}

/** A full fetch, which ended before it came to where narrower ones begin. */
function isShortOf(fronts: readonly QueueFront[], jobs: readonly Job[], limit: number): boolean {
  const last = jobs.length === limit ? lanesOf(jobs).at(-1) : undefined;
  return fronts.some(({ queue, priority, id }) => queue === last?.queue && priority === last.priority && last.id < id);
}
