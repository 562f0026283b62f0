import type { Clock } from "../clock.ts";

/** Old measurements count for this much less with each new one. */
const SMOOTHING = 0.3;
/** Enough for what ends during one round trip and more, so that the depth grows while the slots still wait for it. */
const ROUND_TRIPS_AHEAD = 4;
/** And for so long at least while jobs are shorter: of some milliseconds in some slots a fetch would bring few. */
const AHEAD_MS = 40;
/** A lane, jobs of one lock that run one after the other, should be over in about this time. */
const LANE_MS = 50;

/** What waits in memory should be no more than about this many characters of arguments. */
const MAX_WAITING_LENGTH = 32 * 1024 * 1024;

/**
 * Measures how fast jobs end and how long a fetch takes, and says how many jobs to fetch ahead: none while they are
 * long, so that priorities are exact and other workers get their share; hundreds while they are short, so that no slot
 * waits for a round trip.
 */
export class PrefetchGauge {
  readonly #clock: Clock;
  readonly #maxPrefetch: number;
  #ended = 0;
  #since: number;
  #ratePerMs = 0;
  #roundTripMs = 0;
  #durationMs: number | undefined;
  /** The mean length of a job's JSON text in the last fetch. */
  #jobLength = 1;

  constructor(clock: Clock, maxPrefetch: number) {
    this.#clock = clock;
    this.#maxPrefetch = maxPrefetch;
    this.#since = clock.now();
  }

  jobEnded(durationMs: number): void {
    this.#ended++;
    this.#durationMs = smooth(this.#durationMs ?? durationMs, durationMs);
  }

  fetched(roundTripMs: number, jobs: number, textLength: number): void {
    if (jobs > 0) this.#jobLength = textLength / jobs;
    this.#roundTripMs = this.#roundTripMs === 0 ? roundTripMs : smooth(this.#roundTripMs, roundTripMs);
    const now = this.#clock.now();
    const elapsedMs = Math.max(now - this.#since, 0.1);
    const rate = this.#ended / elapsedMs;
    // Up at once, or every burst would wait for the average; down slowly, or one pause would end the prefetching.
    this.#ratePerMs = rate > this.#ratePerMs ? rate : smooth(this.#ratePerMs, rate);
    this.#ended = 0;
    this.#since = now;
  }

  /** Jobs that were fetched ahead waited in vain: what was measured holds no more. */
  stalled(): void {
    this.#ratePerMs = 0;
    this.#ended = 0;
  }

  /** How many jobs to have ready beyond the free slots. */
  get depth(): number {
    const isShort = (this.#durationMs ?? 0) < AHEAD_MS;
    const wanted = Math.min(
      this.#ratePerMs * Math.max(this.#roundTripMs * ROUND_TRIPS_AHEAD, isShort ? AHEAD_MS : 0),
      MAX_WAITING_LENGTH / this.#jobLength,
    );
    return Math.min(this.#maxPrefetch, Math.floor(wanted));
  }

  /** How many followers the head of a lock may take along. None before the first job has shown how long they are. */
  get followers(): number {
    if (this.#durationMs === undefined) return 0;
    return Math.min(this.#maxPrefetch, Math.floor(LANE_MS / Math.max(this.#durationMs, 0.01)));
  }
}

function smooth(before: number, now: number): number {
  return before * (1 - SMOOTHING) + now * SMOOTHING;
}
