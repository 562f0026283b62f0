import type { Random } from "../clock.ts";
import { type Duration, durationToMs } from "../duration.ts";
import { InvalidOptionError } from "../errors.ts";
import type { Job } from "../job.ts";
import { checkKnownOptions } from "../option-checks.ts";

/** What to do with a job whose run failed. Absent fields leave the job as it is. */
export interface RetryDecision {
  /** How long to wait before the next run, by the clock of the database. Default: not at all. */
  readonly retryIn?: Duration;
  /** When the next run may begin, in place of `retryIn`; a time in the past means now. */
  readonly retryAt?: Date;
  readonly priority?: number;
  readonly queue?: string;
  /** A new lock, or null for none. */
  readonly lock?: string | null;
}

/** Decides whether a failed job runs again. */
export interface RetryStrategy {
  /** Returns how to run `job` again, or undefined to let it fail. Must not throw: a job whose strategy throws fails. */
  decide(failure: RetryFailure): RetryDecision | undefined;
}

export interface RetryFailure {
  readonly job: Job;
  /** What the handler threw. */
  readonly error: unknown;
  readonly random: Random;
}

/** A class of errors, or a function that says whether to retry after an error. */
export type RetryFilter = (abstract new (...args: never) => Error) | ((error: unknown) => boolean);

export interface RetryOptions {
  /** How often the job may run again after its first run. Default: without limit. */
  readonly maxAttempts?: number;
  /** The part of the delay that is always the same. Default: none. */
  readonly wait?: Duration;
  /** Added once per earlier attempt: nothing before the first retry. Default: none. */
  readonly linearWait?: Duration;
  /** The base of an exponential part, in seconds: 5 adds 5 s, 25 s, 125 s, … Default: 0, none. */
  readonly exponentialWait?: number;
  /** The delay never exceeds this. Default: 365 days. */
  readonly maxWait?: Duration;
  /** The share of the delay that is random, from 0 to 1: 0.2 gives 80 % to 100 % of it. Default: 0. */
  readonly jitter?: number;
  /** Retries only after these errors. Default: after all. */
  readonly retryOn?: readonly RetryFilter[];
}

const DEFAULT_MAX_WAIT_MS = 365 * 86_400_000;
const RETRY_OPTION_NAMES = [
  "maxAttempts",
  "wait",
  "linearWait",
  "exponentialWait",
  "maxWait",
  "jitter",
  "retryOn",
] as const satisfies (keyof RetryOptions)[];

/**
 * The strategy of Procrastinate: a delay of `wait + linearWait * attempts + exponentialWait ** (attempts + 1)`,
 * where `attempts` counts the runs that ended before the one that failed; bounded by `maxWait`, then jittered.
 *
 * @throws InvalidOptionError when an option is unknown or out of its bounds.
 */
export function retryStrategy(options: RetryOptions = {}): RetryStrategy {
  checkKnownOptions("retry", options, RETRY_OPTION_NAMES);
  const maxAttempts = checkCount(options.maxAttempts);
  const waitMs = durationToMs(options.wait ?? {}, "retry.wait");
  const linearMs = durationToMs(options.linearWait ?? {}, "retry.linearWait");
  const base = checkRange("retry.exponentialWait", options.exponentialWait ?? 0, 0, 1_000_000);
  const maxMs = options.maxWait ? durationToMs(options.maxWait, "retry.maxWait") : DEFAULT_MAX_WAIT_MS;
  const jitter = checkRange("retry.jitter", options.jitter ?? 0, 0, 1);
  const filters = checkFilters(options.retryOn);
  return {
    decide({ job, error, random }) {
      if (job.attempts >= maxAttempts) return undefined;
      if (filters && !filters.some((filter) => matches(filter, error))) return undefined;
      const exponentialMs = base === 0 ? 0 : base ** (job.attempts + 1) * 1000;
      const delayMs = Math.min(waitMs + linearMs * job.attempts + exponentialMs, maxMs);
      return { retryIn: { milliseconds: delayMs * (1 - jitter * random()) } };
    },
  };
}

/** What a task may say under `retry`: never, for ever, that many times, or how. */
export type RetryOption = boolean | number | RetryStrategy;

/** @throws InvalidOptionError when `retry` is none of its forms. */
export function toRetryStrategy(retry: RetryOption | undefined): RetryStrategy | undefined {
  if (retry === undefined || retry === false) return undefined;
  if (retry === true) return retryStrategy();
  if (typeof retry === "number") return retryStrategy({ maxAttempts: retry });
  if (typeof retry === "object" && retry !== null && typeof retry.decide === "function") return retry;
  throw new InvalidOptionError("retry", retry, "is not false, true, a number of retries or a strategy.");
}

function matches(filter: RetryFilter, error: unknown): boolean {
  if (isErrorClass(filter)) return error instanceof filter;
  return filter(error);
}

function isErrorClass(filter: RetryFilter): filter is abstract new (...args: never) => Error {
  return filter.prototype instanceof Error || filter === Error;
}

function checkFilters(filters: RetryOptions["retryOn"]): RetryOptions["retryOn"] {
  if (filters === undefined) return undefined;
  if (!Array.isArray(filters))
    throw new InvalidOptionError("retry.retryOn", filters, "is not a list. Write [HttpError].");
  for (const filter of filters) {
    if (typeof filter === "function") continue;
    throw new InvalidOptionError("retry.retryOn", filter, "is neither a class of errors nor a function.");
  }
  return filters;
}

function checkCount(value: number | undefined): number {
  if (value === undefined) return Number.POSITIVE_INFINITY;
  if (Number.isInteger(value) && value >= 0) return value;
  throw new InvalidOptionError("retry.maxAttempts", value, "is not a whole number of 0 or more.");
}

function checkRange(option: string, value: number, min: number, max: number): number {
  if (typeof value === "number" && value >= min && value <= max) return value;
  throw new InvalidOptionError(option, value, `is not a number from ${min} to ${max}.`);
}
