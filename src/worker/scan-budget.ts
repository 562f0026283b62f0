import type { Clock } from "../clock.ts";

/** A slow scan is followed by so many times its duration without one: it takes a twentieth of the time. */
const REST = 19;
const LONGEST_REST_MS = 10_000;
/** But no less than so many times its duration. */
const SHORTEST_REST = 2;

/**
 * Says when to scan an index from its front again. While some transaction holds back vacuum, all that ever left an index
 * stands there, and such a scan takes longer and longer; what it would find there, jobs that became ready again or were
 * committed late, may then wait for the next one.
 */
export class ScanBudget {
  readonly #clock: Clock;
  readonly #maySkip: boolean;
  #slowMs = 0;
  #isSlow = false;
  #restUntil = Number.NEGATIVE_INFINITY;

  /** @param maySkip False for a worker that ends when there is nothing to do: what it skips would never be done. */
  constructor(clock: Clock, maySkip: boolean) {
    this.#clock = clock;
    this.#maySkip = maySkip;
  }

  get isDue(): boolean {
    return this.restMs === 0;
  }

  /** The last scans were slow: the next one, too, most likely. */
  get isSlow(): boolean {
    return this.#isSlow;
  }

  /** Milliseconds until a scan is due. */
  get restMs(): number {
    return Math.max(0, this.#restUntil - this.#clock.now());
  }

  /** @param slowMs How much longer a scan took than it should, as far as it can be told; two in a row count. */
  scanned(slowMs: number): void {
    const slow = Math.max(0, slowMs);
    if (this.#maySkip) {
      const bothMs = Math.min(slow, this.#slowMs);
      this.#isSlow = bothMs > 0;
      this.#restUntil = this.#clock.now() + Math.min(REST * bothMs, Math.max(LONGEST_REST_MS, SHORTEST_REST * bothMs));
    }
    this.#slowMs = slow;
  }
}
