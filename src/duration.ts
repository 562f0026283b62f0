import { InvalidOptionError } from "./errors.ts";
import { isPlain } from "./json.ts";

/** A span of time as a sum of its parts: `{ minutes: 5 }`, `{ hours: 1, minutes: 30 }`. Parts may be fractions. */
export interface Duration {
  readonly weeks?: number;
  readonly days?: number;
  readonly hours?: number;
  readonly minutes?: number;
  readonly seconds?: number;
  readonly milliseconds?: number;
}

const MS_PER_PART = {
  weeks: 604_800_000,
  days: 86_400_000,
  hours: 3_600_000,
  minutes: 60_000,
  seconds: 1_000,
  milliseconds: 1,
} as const;

/**
 * The milliseconds of a duration.
 *
 * @param option The name of the option, for the error.
 * @throws InvalidOptionError when it is no duration or no plain object, has an unknown part, or a part is not a finite number >= 0.
 */
export function durationToMs(duration: Duration, option: string): number {
  if (typeof duration !== "object" || duration === null || Array.isArray(duration)) {
    throw new InvalidOptionError(option, duration, "is not a duration. Write it like { minutes: 5 }.");
  }
  // What has its parts in getters, as a Temporal.Duration, would count as nothing.
  if (!isPlain(duration)) {
    const fix =
      'Write it like { minutes: 5 }; a Temporal.Duration as { milliseconds: duration.total("milliseconds") }.';
    throw new InvalidOptionError(option, duration, `is not a plain object. ${fix}`);
  }
  let total = 0;
  for (const [part, value] of Object.entries(duration)) {
    const msPerPart = Object.hasOwn(MS_PER_PART, part) ? MS_PER_PART[part as keyof typeof MS_PER_PART] : undefined;
    if (msPerPart === undefined) {
      const known = Object.keys(MS_PER_PART).join(", ");
      throw new InvalidOptionError(`${option}.${part}`, value, `is not a part of a duration. Use ${known}.`);
    }
    if (typeof value !== "number" || !Number.isFinite(value) || value < 0) {
      throw new InvalidOptionError(`${option}.${part}`, value, "is not a finite number of 0 or more.");
    }
    total += value * msPerPart;
  }
  if (!Number.isFinite(total)) throw new InvalidOptionError(option, total, "ms is longer than a number can tell.");
  return total;
}
