import { type Clock, type Random, sleep } from "../clock.ts";
import { DatabaseError } from "../database-error.ts";
import type { WorkerEvents } from "../events.ts";

const MIN_BACKOFF_MS = 50;
/** A database that is back is found within this time. */
export const MAX_BACKOFF_MS = 1000;

/** What is refused is refused again: no hurry, and no line for each try. */
const REFUSED_MS = 1000;
const REFUSED_LINE_MS = 60_000;
/** What is tried again after a second at most has been tried again by then. */
const VITAL_MS = 3 * REFUSED_MS;

/** Knows whether the database answers, and how long to wait before it is asked again. A lost one never ends a worker. */
export class DatabaseHealth {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #events: WorkerEvents;
  #lostAt: number | undefined;
  #answeringSince = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #givingUp = false;
  #vitalRefusedAt = Number.NEGATIVE_INFINITY;
  /** When it was last said that a statement was refused, by the SQLSTATE. */
  readonly #refusedAt = new Map<string, number>();

  constructor(clock: Clock, random: Random, events: WorkerEvents) {
    this.#clock = clock;
    this.#random = random;
    this.#events = events;
  }

  /** Whether the worker can do its work: the database answers, and refuses nothing that it cannot do without. */
  get isGood(): boolean {
    return !this.isLost && this.#clock.now() - this.#vitalRefusedAt > VITAL_MS;
  }

  get isLost(): boolean {
    return this.#lostAt !== undefined;
  }

  /** When the database was back after its last loss. */
  get answeringSince(): number {
    return this.#answeringSince;
  }

  /** A statement went through. */
  ok(): void {
    this.#failures = 0;
    if (this.#lostAt === undefined) return;
    this.#answeringSince = this.#clock.now();
    this.#events.emit("database_back", { downMs: this.#answeringSince - this.#lostAt });
    this.#lostAt = undefined;
  }

  /**
   * A statement failed. Gives the milliseconds to wait before the next try, with jitter: all workers of an app try.
   *
   * @param isVital Without it the worker can do nothing. Default: false.
   */
  failed(error: unknown, isVital = false): number {
    // Two workers met: the same statement again, with a fresh snapshot, is enough.
    if (isCollision(error)) return 1 + 10 * this.#random();
    if (error instanceof DatabaseError && !error.isConnectionLoss) return this.refused(error, isVital);
    if (this.#lostAt === undefined) {
      this.#lostAt = this.#clock.now();
      this.#events.emit("database_lost", { error });
    }
    const backoff = Math.min(MIN_BACKOFF_MS * 2 ** this.#failures, MAX_BACKOFF_MS);
    this.#failures++;
    return backoff * (0.5 + 0.5 * this.#random());
  }

  /**
   * Postgres answers, and does not do it: a right is missing, a time limit is too short. Nothing else need wait for it.
   * Gives the milliseconds to wait before the next try.
   *
   * @param isVital Without it the worker can do nothing. Default: false.
   */
  refused(error: DatabaseError, isVital = false): number {
    const { sqlState = "" } = error;
    const now = this.#clock.now();
    if (isVital) this.#vitalRefusedAt = now;
    if (now - (this.#refusedAt.get(sqlState) ?? Number.NEGATIVE_INFINITY) >= REFUSED_LINE_MS) {
      this.#refusedAt.set(sqlState, now);
      this.#events.emit("statement_refused", { error });
    }
    return REFUSED_MS * (0.5 + 0.5 * this.#random());
  }

  get isGivenUp(): boolean {
    return this.#givingUp;
  }

  /** From now on the next failure of a statement is its last: the end of a shutdown cannot wait for a database. */
  giveUp(): void {
    this.#givingUp = true;
  }

  /**
   * Runs a statement until it goes through.
   *
   * @throws DatabaseError when Postgres refuses its data, which no repetition mends, or would have to wait for rows
   * that others keep locked; RangeError when they make a string that is too long for JavaScript; any error after `giveUp`.
   */
  async insist<T>(run: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const result = await run();
        this.ok();
        return result;
      } catch (error) {
        const isDatabaseError = error instanceof DatabaseError;
        const isRefused = isDataProblem(error) && !isCollision(error);
        if (isRefused || (isDatabaseError && error.isLocked) || this.#givingUp) throw error;
        await sleep(this.#clock, this.failed(error, true));
      }
    }
  }
}

/** What other data, or less of them, might not have met. */
export function isDataProblem(error: unknown): boolean {
  if (error instanceof DatabaseError && error.isDataProblem) return true;
  // V8's, of our own code or of the driver's.
  const cause = error instanceof DatabaseError ? error.cause : error;
  return cause instanceof RangeError && cause.message === "Invalid string length";
}

/** A unique violation here is one of running_lock or queueing_key: another worker was faster. A locked row took a second. */
function isCollision(error: unknown): boolean {
  return error instanceof DatabaseError && (error.isTransient || error.isLocked || error.isUniqueViolation);
}
