import { systemClock } from "../clock.ts";
import type { SqlExecutor, SqlStatement, SqlValue } from "../connector.ts";
import { DatabaseError } from "../database-error.ts";

/** What a worker sends takes milliseconds. */
const SHORTEST_LIMIT_MS = 5000;
/** What took so long the last time may take so many times as long the next time. */
const MARGIN = 2;

/** No answer came in time. Postgres may still be at work. */
export class SilenceError extends DatabaseError {}

export interface AnswerLimitOptions {
  /** Milliseconds after which a silent worker is taken for dead. Half of it is the limit, and 5 seconds at least. */
  readonly stalledAfterMs: number;
  /** A statement that was given up is over after all: what it did is known to nobody. */
  readonly onLate: () => void;
}

/**
 * Gives a statement up that is not answered in time, as if its connection were lost, so that it is sent again over
 * another one. A connection that a firewall forgot stays silent until the operating system gives it up, which takes a
 * quarter of an hour; meanwhile the heartbeat, over another one, would keep others from taking the jobs. All that a
 * worker writes is fenced, so that it does no harm twice; only log lines of a handler may be there twice.
 *
 * The limit of a statement doubles each time that it is not kept, or one that is slow for other reasons would never end.
 * With each answer it is halved, but leaves the next one twice as long: beside a transaction that holds back vacuum scans
 * get slower by and by, and while that made no difference, lists of queues of 15 seconds were taken for lost connections.
 */
export function limitAnswers(executor: SqlExecutor, options: AnswerLimitOptions): SqlExecutor {
  const limits = new Map<string, number>();
  const usualMs = Math.max(options.stalledAfterMs / 2, SHORTEST_LIMIT_MS);
  return {
    ...executor,
    query<Row extends object>(statement: SqlStatement, values: readonly SqlValue[]): Promise<readonly Row[]> {
      // Not by the worker's clock: it is the network that is waited for, also where a test moves the time.
      const sentAt = systemClock.now();
      const limitMs = limits.get(statement.name) ?? usualMs;
      return new Promise((resolve, reject) => {
        let isGivenUp = false;
        const timer = setTimeout(() => {
          isGivenUp = true;
          limits.set(statement.name, 2 * limitMs);
          const silence = `silence for ${limitMs} ms. The connection may be half-open, or all of the pool's are taken`;
          reject(new SilenceError(statement.name, new Error(silence)));
        }, limitMs);
        const ended = (settle: () => void): void => {
          clearTimeout(timer);
          if (isGivenUp) options.onLate();
          settle();
        };
        const answered = (rows: readonly Row[]): void => {
          const nextMs = Math.max(usualMs, limitMs / 2, MARGIN * (systemClock.now() - sentAt));
          if (!isGivenUp) limits.set(statement.name, nextMs);
          resolve(rows);
        };
        executor.query<Row>(statement, values).then(
          (rows) => ended(() => answered(rows)),
          (error: unknown) => ended(() => reject(error)),
        );
      });
    },
  };
}
