import { type Duration, durationToMs } from "../duration.ts";
import { InvalidOptionError } from "../errors.ts";
import { checkKnownOptions } from "../option-checks.ts";
import type { KeptMs } from "../sql/delete-old-jobs.ts";

/** How long finished jobs are kept, counted from their end. */
export interface RetentionOptions {
  /** Default: 7 days. */
  readonly succeeded?: Duration | "never";
  /** Default: 30 days. */
  readonly failed?: Duration | "never";
  /** Default: 7 days. */
  readonly cancelled?: Duration | "never";
  /** Default: 7 days. */
  readonly aborted?: Duration | "never";
}

const DEFAULTS = {
  succeeded: { days: 7 },
  failed: { days: 30 },
  cancelled: { days: 7 },
  aborted: { days: 7 },
} as const satisfies Required<RetentionOptions>;

/** A hundred years. */
const MAX_MS = 100 * 365 * 86_400_000;

/**
 * The milliseconds for which jobs are kept; undefined where none is ever deleted.
 *
 * @throws InvalidOptionError
 */
export function resolveRetention(given: RetentionOptions | "never" = {}): KeptMs | undefined {
  if (given === "never") return undefined;
  checkKnownOptions("retention", given, Object.keys(DEFAULTS));
  const kept = (status: keyof RetentionOptions): number | null =>
    keptMs(`retention.${status}`, given[status] ?? DEFAULTS[status]);
  const resolved = {
    succeeded: kept("succeeded"),
    failed: kept("failed"),
    cancelled: kept("cancelled"),
    aborted: kept("aborted"),
  };
  return Object.values(resolved).every((ms) => ms === null) ? undefined : resolved;
}

function keptMs(option: string, value: Duration | "never"): number | null {
  if (value === "never") return null;
  if (typeof value === "string") throw new InvalidOptionError(option, value, 'is not a duration, nor "never".');
  const ms = durationToMs(value, option);
  if (ms <= MAX_MS) return ms;
  throw new InvalidOptionError(option, ms, 'ms is longer than 100 years. Write "never".');
}
