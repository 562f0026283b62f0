/** Where time comes from. What is due is decided by Postgres; this one measures and waits inside a process. */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number;
  /** Calls back once after `ms` milliseconds. The result cancels it. */
  timer(ms: number, callback: () => void): () => void;
}

/** A clock that also tells the time of day. */
export interface WallClock extends Clock {
  /** Milliseconds since 1970. Unlike `now` it goes on while the machine is suspended; it can be set, also back. */
  wall(): number;
}

export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.timer(ms, resolve));
}

/** A number in [0, 1), for jitter. */
export type Random = () => number;

/** setTimeout fires at once for more than this many milliseconds (2^31 - 1). */
const MAX_TIMER_MS = 2_147_483_647;

export const systemClock: WallClock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  timer(ms, callback) {
    const timeout = setTimeout(callback, Math.min(Math.max(ms, 0), MAX_TIMER_MS));
    return () => clearTimeout(timeout);
  },
};

export const systemRandom: Random = () => Math.random();
