import type { Clock } from "../clock.ts";

/** So long at most a fetch waits for the end of the lanes that took all locks there are. */
const LANES_MS = 20;
/**
 * While due jobs are claimed without a fetch, one looks nevertheless so often: another worker may have made some ready
 * that it has no slot for, which it tells nobody.
 */
const CLAIMING_MS = 20;

/** Remembers that a fetch would find nothing: for a while, or until there is news. */
export class FetchRest {
  readonly #clock: Clock;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #until = Number.NEGATIVE_INFINITY;
  #isDry = false;
  #hasNews = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds until a fetch may find something; 0 or less if it may now. */
  get ms(): number {
    return this.#until - this.#clock.now();
  }

  /** The last fetch found that nothing waits, and nobody said anything since. */
  get isDry(): boolean {
    return this.#isDry;
  }

  /** There may be work that the last fetch did not see, and one that is under way need not see. */
  news(): void {
    this.#until = Number.NEGATIVE_INFINITY;
    this.#isDry = false;
    this.#hasNews = true;
  }

  /** A fetch begins. */
  fetching(): void {
    this.news();
    this.#hasNews = false;
    this.#fetchedAt = this.#clock.now();
  }

  /** Nothing waits. */
  ranDry(): void {
    this.#isDry = !this.#hasNews;
  }

  /** All that was due was claimed: nothing else waits, if nothing did. */
  claimed(): void {
    if (this.#isDry) this.#until = this.#fetchedAt + CLAIMING_MS;
  }

  /** All that waits, waits for locks that are held here, unless there was news since the last fetch began. */
  tookLanes(): void {
    if (!this.#hasNews) this.#until = this.#clock.now() + LANES_MS;
  }
}
