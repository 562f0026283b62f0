import type { Clock } from "../clock.ts";

/** Remembers that a fetch would find nothing: for a while, or until there is news. */
export class FetchRest {
  readonly #clock: Clock;
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
    this.fetching();
    this.#hasNews = true;
  }

  /** A fetch begins. */
  fetching(): void {
    this.#until = Number.NEGATIVE_INFINITY;
    this.#isDry = false;
    this.#hasNews = false;
  }

  /** Nothing waits. */
  ranDry(): void {
    this.#isDry = !this.#hasNews;
  }

  /** For so many milliseconds a fetch would find nothing, unless there was news since the last one began. */
  take(ms: number): void {
    if (!this.#hasNews) this.#until = this.#clock.now() + ms;
  }
}
