import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../clock.ts";

/**
 * Milliseconds from one write to the next while little comes in. Each is a commit: with jobs of some milliseconds in some
 * slots a process would otherwise write as often as they end.
 */
const INTERVAL_MS = 10;

/** Spaces the writes of a worker. */
export class WritePace {
  readonly #clock: Clock;
  #wroteAt = Number.NEGATIVE_INFINITY;
  #endPause: (() => void) | undefined;

  /** @param clock That of the machine: one that a test stops shall not stop the writes. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Resolves when the next write may begin: where the last one is long ago, or this one is urgent, at the end of this
   * turn of the event loop. All jobs that end in it come along, which is a tenth less of writing.
   */
  async turn(isUrgent: boolean): Promise<void> {
    const restMs = INTERVAL_MS - (this.#clock.now() - this.#wroteAt);
    if (restMs > 0 && !isUrgent) await this.#pause(restMs);
    await nextTurn();
    this.#wroteAt = this.#clock.now();
  }

  /** What comes next became urgent. */
  hurry(): void {
    this.#endPause?.();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.#endPause = undefined;
        resolve();
      };
      const cancel = this.#clock.timer(ms, end);
      this.#endPause = end;
    });
  }
}
