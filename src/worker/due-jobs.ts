import type { DirectClaim } from "../sql/wake-jobs.ts";
import type { FetchRest } from "./fetch-rest.ts";
import { MAX_FETCH } from "./job-claimer.ts";
import type { JobDispatcher } from "./job-dispatcher.ts";
import type { JobWaker } from "./job-waker.ts";
import type { Place } from "./passed-place.ts";
import type { PausedQueues } from "./paused-queues.ts";
import type { PollingSchedule } from "./polling-schedule.ts";
import type { PrefetchGauge } from "./prefetch-gauge.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

interface Parts {
  readonly runtime: WorkerRuntime;
  readonly dispatcher: JobDispatcher;
  readonly gauge: PrefetchGauge;
  readonly paused: PausedQueues;
  readonly polling: PollingSchedule;
}

/**
 * So long the last job of a fetch tells what goes before all that waits. Without an end, due jobs that come as fast as
 * they run would fill all room by themselves, and no fetch would ever look what else there is.
 */
const PASSED_MS = 20;

/** Starts jobs whose time has come without a fetch, where nothing else goes before them. */
export class DueJobs {
  readonly #parts: Parts;
  readonly #waker: JobWaker;
  readonly #rest: FetchRest;
  #passed: { readonly place: Place; readonly queues: readonly string[]; readonly at: number } | undefined;

  constructor(parts: Parts, waker: JobWaker, rest: FetchRest) {
    this.#parts = parts;
    this.#waker = waker;
    this.#rest = rest;
  }

  /**
   * @param place What the last fetch would also have claimed comes before this one; undefined if it found nothing, or not
   *   all that does.
   * @param queues Those that it looked into.
   * @param at When it was answered. The answer may have waited, as that of a second fetch does.
   */
  fetched(place: Place | undefined, queues: readonly string[], at: number): void {
    this.#passed = place && { place, queues, at };
  }

  /**
   * Claims those, and makes ready what else is due.
   *
   * @param room For how many more jobs than are here, or on their way, there is room.
   */
  async claim(room: number): Promise<void> {
    const { runtime, dispatcher, polling } = this.#parts;
    const at = runtime.clock.now();
    const { jobs, woken } = await this.#waker.wakeJobs(this.#directClaim(room));
    runtime.health.ok();
    // Where others were quicker, they may have let jobs run that only this worker can.
    if (jobs.length === 0 || woken > 0) this.#rest.news();
    else this.#rest.claimed();
    if (jobs.length > 0) polling.reset();
    dispatcher.add(jobs, at);
  }

  /**
   * Which due jobs go before all that waits: any where nothing does, as this worker would have been told, and otherwise,
   * while jobs are fetched ahead, those that a fetch of this moment would have claimed too. Not into the last free slot: a job
   * of higher priority may be deferred in this moment, which only a fetch sees.
   */
  #directClaim(room: number): DirectClaim | undefined {
    const { runtime, dispatcher, gauge, paused, polling } = this.#parts;
    const isDry = this.#rest.isDry && polling.isTold;
    const passed = isDry || gauge.depth === 0 || !this.#isRecent ? undefined : this.#passed;
    const limit = Math.min(room, isDry ? dispatcher.free - 1 : room, MAX_FETCH);
    if (limit < 1 || !(isDry || passed)) return undefined;
    const queues = passed ? passed.queues : runtime.options.queues;
    return { limit, upTo: passed?.place, queues, exceptQueues: paused.names };
  }

  get #isRecent(): boolean {
    return this.#passed !== undefined && this.#parts.runtime.clock.now() - this.#passed.at < PASSED_MS;
  }
}
