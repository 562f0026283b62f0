import type { DirectClaim } from "../sql/wake-jobs.ts";
import type { FetchRest } from "./fetch-rest.ts";
import type { JobDispatcher } from "./job-dispatcher.ts";
import { MAX_FETCH, type Place } from "./job-fetcher.ts";
import type { JobWaker } from "./job-waker.ts";
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

/** Starts jobs whose time has come without a fetch, where nothing else goes before them. */
export class DueJobs {
  readonly #parts: Parts;
  readonly #waker: JobWaker;
  readonly #rest: FetchRest;
  #passed: Place | undefined;

  constructor(parts: Parts, waker: JobWaker, rest: FetchRest) {
    this.#parts = parts;
    this.#waker = waker;
    this.#rest = rest;
  }

  /** @param passed The last job of the last fetch; undefined if it found none. */
  fetched(passed: Place | undefined): void {
    this.#passed = passed;
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
   * while jobs are fetched ahead, those that the last fetch would have claimed too. Not into the last free slot: a job
   * of higher priority may be deferred in this moment, which only a fetch sees.
   */
  #directClaim(room: number): DirectClaim | undefined {
    const { runtime, dispatcher, gauge, paused, polling } = this.#parts;
    const isDry = this.#rest.isDry && polling.isTold;
    const upTo = isDry || gauge.depth === 0 ? undefined : this.#passed;
    const limit = Math.min(room, isDry ? dispatcher.free - 1 : room, MAX_FETCH);
    if (limit < 1 || !(isDry || upTo)) return undefined;
    return { limit, upTo, queues: runtime.options.queues, exceptQueues: paused.names };
  }
}
