import type { Job } from "../job.ts";
import { fetchJob, type ToldJob } from "../sql/fetch-job.ts";
import type { QueueFront } from "../sql/fetch-jobs.ts";
import { type ClaimRequest, type FetchedJobs, hasMore, JobClaimer } from "./job-claimer.ts";
import type { JobCompleter } from "./job-completer.ts";
import { lanesOf } from "./passed-place.ts";
import type { PrefetchGauge } from "./prefetch-gauge.ts";
import { QueueFronts } from "./queue-fronts.ts";
import { ScanBudget } from "./scan-budget.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

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
/** Where a look takes longer, none goes on where it ended: the last of those takes as long, and quick ones of its name set its limit. */
const LONG_MS = 2_500;
/** What was once quick is trusted for some dozens of fetches. */
const DRIFT = 1.05;
const FADING = 0.99;

/** Looks for jobs everywhere, or, where that is slow, where it found the last ones, most of the time. */
export class JobFetcher {
  readonly #runtime: WorkerRuntime;
  readonly #claimer: JobClaimer;
  readonly #fronts = new QueueFronts();
  readonly #budget: ScanBudget;
  readonly #toldBudget: ScanBudget;
  readonly #leftBudget: ScanBudget;
  /** When a fetch began far before the last jobs. */
  #wideAt = Number.NEGATIVE_INFINITY;
  /** How long a fetch may take for each job, as the quickest of those say that began where jobs are. */
  #perJobMs: number | undefined;
  /** The last look everywhere found all there was. */
  #ranDry = false;
  #isLooking = false;
  /** Since a look went on where the last one ended: with one slot, such looks would leave no room for a fetch. */
  #hasFetched = true;
  /** Nothing is left behind the fronts, and before them there was more than the last look had room for. */
  #isLookWanted = false;

  constructor(runtime: WorkerRuntime, completer: JobCompleter, gauge: PrefetchGauge) {
    this.#runtime = runtime;
    this.#claimer = new JobClaimer(runtime, completer, gauge);
    this.#budget = new ScanBudget(runtime.clock, runtime.options.wait);
    this.#toldBudget = new ScanBudget(runtime.clock, true);
    this.#leftBudget = new ScanBudget(runtime.clock, true);
  }

  get isLight(): boolean {
    return this.#claimer.isLight;
  }

  async fetch(queues: readonly string[], limit: number): Promise<FetchedJobs> {
    this.#hasFetched = true;
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
    const isWanted = this.#budget.isDue || this.#isLookWanted || this.#left(queues) !== undefined;
    return isWanted && this.#frontsOf(queues).length > 0;
  }

  /**
   * Looks everywhere, while fetches go on from where the last jobs were found. After one that had no room for all that
   * was left there, the next ones go on where it ended: at once, as they need not read again what stands before it.
   */
  async look(queues: readonly string[], limit: number): Promise<FetchedJobs> {
    const left = this.#left(queues);
    if (left) return this.#goOn({ queues, limit, fronts: left });
    this.#isLooking = true;
    try {
      const fetched = await this.#lookEverywhere({ queues, limit }, true);
      const { tookMs, passed } = fetched;
      this.#fronts.looked(queues, hasMore(fetched, limit) && tookMs < LONG_MS ? passed : undefined);
      return fetched;
    } finally {
      this.#isLooking = false;
    }
  }

  /** Where to go on with the last look, while none is due that also finds what this does not: other priorities, and queues. */
  #left(queues: readonly string[]): readonly QueueFront[] | undefined {
    const isTurn = this.#hasFetched && this.#leftBudget.isDue && !this.#budget.isDue;
    return isTurn ? this.#fronts.left(queues) : undefined;
  }

  async #goOn(request: ClaimRequest): Promise<FetchedJobs> {
    let goesOn = false;
    let jobs: readonly Job[] = [];
    try {
      const fetched = await this.#claimer.claim(request, true);
      this.#fronts.claimed(fetched.jobs);
      // The last one reads all that is gone up to where fetches begin. So do others, where these took the room.
      this.#leftBudget.scanned(this.#slowMs(fetched));
      goesOn = hasMore(fetched, request.limit);
      jobs = fetched.jobs;
      this.#hasFetched = false;
      return fetched;
    } finally {
      this.#fronts.wentOn(jobs, goesOn);
    }
  }

  /** There is more than it finds, as long as it finds something. */
  async #fetchFrom(request: ClaimRequest): Promise<FetchedJobs> {
    const fetched = await this.#claimer.claim(request);
    this.#fronts.claimed(fetched.jobs);
    this.#learn(fetched);
    return { ...fetched, more: fetched.jobs.length > 0 || fetched.more };
  }

  #frontsOf(queues: readonly string[]): readonly QueueFront[] {
    return this.#budget.isSlow ? this.#fronts.of(queues) : [];
  }

  /** @param isBeside While fetches go on. Default: false. */
  async #lookEverywhere(request: ClaimRequest, isBeside = false): Promise<FetchedJobs> {
    // That queues are quick, or empty, where nothing was found yet says nothing of those that are slow.
    const isElsewhere = this.#budget.isSlow && !this.#fronts.has(request.queues);
    if (!isElsewhere) this.#isLookWanted = false;
    const fetched = await this.#claimer.claim(request, isBeside);
    const slowMs = this.#slowMs(fetched);
    // Only fetches from elsewhere say how long a job takes, and there are none while these seem quick.
    if (this.#perJobMs !== undefined) this.#perJobMs *= FADING;
    if (slowMs > 0 || !isElsewhere) this.#budget.scanned(slowMs);
    if (this.#budget.isSlow) this.#fronts.claimed(fetched.jobs);
    else this.#fronts.clear();
    if (!isElsewhere) this.#ranDry = !hasMore(fetched, request.limit);
    return fetched;
  }

  /** How much longer it took than it should where nothing stands before the jobs. */
  #slowMs({ tookMs, jobs }: FetchedJobs): number {
    return tookMs - FETCH_MS - Math.max(FETCH_MS_PER_JOB, this.#perJobMs ?? 0) * jobs.length;
  }

  #learn({ tookMs, jobs }: FetchedJobs): void {
    if (jobs.length < TELLING) return;
    const perJobMs = Math.max(FETCH_MS_PER_JOB, (MARGIN * (tookMs - FETCH_MS)) / jobs.length);
    this.#perJobMs = Math.min(perJobMs, DRIFT * (this.#perJobMs ?? Number.POSITIVE_INFINITY));
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
}

/** A full fetch, which ended before it came to where narrower ones begin. */
function isShortOf(fronts: readonly QueueFront[], jobs: readonly Job[], limit: number): boolean {
  const last = jobs.length === limit ? lanesOf(jobs).at(-1) : undefined;
  return fronts.some(({ queue, priority, id }) => queue === last?.queue && priority === last.priority && last.id < id);
}
