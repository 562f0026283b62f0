import { type Duration, durationToMs } from "./duration.ts";
import { InvalidOptionError } from "./errors.ts";

/** The last moment of the year 9999: later ones have no ISO form that every driver reads. */
const MAX_TIME_MS = 253_402_300_799_999;

/** When a job may run, as statements take it: at a moment, or from now by the clock of the database; neither is at once. */
export interface ScheduleMs {
  readonly atMs: number | null;
  readonly inMs: number | null;
}

/** @throws InvalidOptionError when both are given, or one is no time. */
export function scheduleOf({
  scheduleAt,
  scheduleIn,
}: {
  readonly scheduleAt?: Date | string | undefined;
  readonly scheduleIn?: Duration | undefined;
}): ScheduleMs {
  if (scheduleAt !== undefined && scheduleIn !== undefined) {
    throw new InvalidOptionError("scheduleIn", scheduleIn, "was given together with scheduleAt. Give one of them.");
  }
  if (scheduleAt !== undefined) return { atMs: momentToMs(scheduleAt, "scheduleAt"), inMs: null };
  if (scheduleIn === undefined) return { atMs: null, inMs: null };
  const inMs = durationToMs(scheduleIn, "scheduleIn");
  if (inMs > MAX_TIME_MS / 2) throw new InvalidOptionError("scheduleIn", inMs, "ms is more than 4,000 years.");
  // No delay is no schedule: the clock would have gone on by the time of the comparison, and the job be set aside.
  return { atMs: null, inMs: inMs === 0 ? null : inMs };
}

const ISO_WITH_OFFSET = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/**
 * The milliseconds since 1970 of a Date, or of an ISO 8601 text with its offset; 0 for what is before.
 *
 * @throws InvalidOptionError when it is none, or after the year 9999.
 */
export function momentToMs(moment: Date | string, option: string): number {
  if (typeof moment === "string" && !(ISO_WITH_OFFSET.test(moment) && isCalendarDay(moment.slice(0, 10)))) {
    const fix = "is not an ISO 8601 time with its offset. Write it like 2026-03-04T05:06:07Z or +01:00.";
    throw new InvalidOptionError(option, moment, fix);
  }
  const ms = typeof moment === "string" ? Date.parse(moment) : moment instanceof Date ? moment.getTime() : Number.NaN;
  if (Number.isNaN(ms)) throw new InvalidOptionError(option, moment, "is not a valid Date or ISO 8601 time.");
  // Anything in the past means now; the bound keeps it a time that Postgres has.
  if (ms > MAX_TIME_MS) throw new InvalidOptionError(option, moment, "is after the year 9999.");
  return Math.max(ms, 0);
}

/** Date.parse takes February 30th for March 2nd. */
function isCalendarDay(day: string): boolean {
  const start = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(start.getTime()) && start.toISOString().startsWith(day);
}
