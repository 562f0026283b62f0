import type { Clock } from "../clock.ts";

/** Whatever is further away is looked up again by then: no timer of Node is longer than 24 days. */
const MAX_MS = 3_600_000;

/** Remembers when the next scheduled job is due, and calls back then. */
export class WakeTimer {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  #dueAt = Number.POSITIVE_INFINITY;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get isDue(): boolean {
    return this.#clock.now() >= this.#dueAt;
  }

  /** A job is due in so many milliseconds; an earlier one known already stays the next. */
  dueIn(ms: number | undefined): void {
    if (ms === undefined) return;
    const inMs = Math.min(ms, MAX_MS);
    const dueAt = this.#clock.now() + inMs;
    if (dueAt >= this.#dueAt) return;
    this.#cancel?.();
    this.#dueAt = dueAt;
    // Timers are cut to whole milliseconds and Postgres asks for the exact moment.
    this.#cancel = this.#clock.timer(Math.ceil(inMs), () => {
      // Node's timers may fire up to a millisecond early. This one is spent, so that it is due whatever the clock says.
      this.#dueAt = Number.NEGATIVE_INFINITY;
      this.#onDue();
    });
  }

  /** What was due is seen to. */
  clear(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#dueAt = Number.POSITIVE_INFINITY;
  }
}
