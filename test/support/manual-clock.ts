import type { WallClock } from "../../src/clock.ts";

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock that stands still until a test lets time pass: nothing that waits for a time happens before. */
export class ManualClock implements WallClock {
  readonly #timers = new Set<Timer>();
  #now = 0;
  #wall = 0;

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#wall;
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.size;
  }

  timer(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + ms, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Lets so many milliseconds pass, and calls back what is due. */
  pass(ms: number): void {
    this.#now += ms;
    this.#wall += ms;
    const due = [...this.#timers].filter(({ at }) => at <= this.#now).sort((a, b) => a.at - b.at);
    for (const timer of due) if (this.#timers.delete(timer)) timer.callback();
  }

  /** Sets the time of day alone, as somebody does, or a machine that was suspended. */
  setWall(ms: number): void {
    this.#wall = ms;
  }
}
