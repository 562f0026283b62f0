import { type Duration, durationToMs } from "../duration.ts";
import { InvalidOptionError } from "../errors.ts";
import { checkKnownOptions, checkLockKey, checkName, checkPriority } from "../option-checks.ts";
import type { JobOptions } from "../task/deferrer.ts";
import { checkLockMode } from "../task/task.ts";
import { parseCron } from "./cron.ts";
import { MISSED_POLICIES, type MissedPolicy } from "./due-times.ts";

/** When the jobs of a schedule are deferred, and how. What is absent of `JobOptions` comes from the task. */
export interface ScheduleOptions extends JobOptions {
  /**
   * 5 fields, `minute hour day month weekday`, or 6 with the seconds before them; or an alias: `@hourly`, `@daily`,
   * `@weekly`, `@monthly`, `@yearly`.
   */
  readonly cron: string;
  /** The IANA time zone of the expression: `Europe/Paris`. Default: `UTC`. */
  readonly timezone?: string;
  /** Tells several schedules of one task apart: at most 128 characters. Default: the empty text. */
  readonly periodicId?: string;
  /**
   * What happens to ticks that came while no worker was there: `once` defers the latest of them, `all` each of them,
   * `skip` none. A tick that is at most 5 seconds late was not missed. Default: `once`.
   */
  readonly missed?: MissedPolicy;
  /** A tick that is later than this is never deferred. In whole seconds. Default: 10 minutes. */
  readonly maxDelay?: Duration;
}

/** The options of a schedule, checked and complete. */
export interface ResolvedSchedule {
  readonly cron: string;
  readonly timezone: string;
  readonly periodicId: string;
  readonly missed: MissedPolicy;
  readonly maxDelaySeconds: number;
  readonly job: JobOptions;
}

const OPTION_NAMES = [
  ...["cron", "timezone", "periodicId", "missed", "maxDelay", "args"],
  ...["queue", "priority", "lock", "lockMode", "queueingLock"],
] as const;
/** Also of a row that was inserted by hand without one. */
export const DEFAULT_MAX_DELAY_SECONDS = 600;
/** What the column holds: 68 years. */
const MAX_DELAY_SECONDS = 2_147_483_647;

/** @throws InvalidOptionError when an option is unknown or out of its bounds. */
export function resolveSchedule(where: string, options: ScheduleOptions): ResolvedSchedule {
  checkKnownOptions(where, options, OPTION_NAMES);
  const { cron, timezone = "UTC", periodicId = "", missed = "once" } = options;
  parseCron({ cron, timezone });
  if (!MISSED_POLICIES.includes(missed)) {
    throw new InvalidOptionError("missed", missed, 'is not "skip", "once" or "all".');
  }
  const maxDelayMs = durationToMs(options.maxDelay ?? { seconds: DEFAULT_MAX_DELAY_SECONDS }, "maxDelay");
  if (maxDelayMs < 1000) {
    throw new InvalidOptionError("maxDelay", maxDelayMs, "ms is less than a second: every tick would come too late.");
  }
  const maxDelaySeconds = Math.ceil(maxDelayMs / 1000);
  if (maxDelaySeconds > MAX_DELAY_SECONDS) {
    throw new InvalidOptionError("maxDelay", maxDelaySeconds, `seconds is more than ${MAX_DELAY_SECONDS}, 68 years.`);
  }
  return {
    ...{ cron, timezone, missed, maxDelaySeconds },
    periodicId: periodicId === "" ? "" : checkName("periodicId", periodicId),
    job: checkJobOptions(options),
  };
}

function checkJobOptions({ queue, priority, lock, lockMode, queueingLock }: JobOptions): JobOptions {
  if (queue !== undefined) checkName("queue", queue);
  if (priority !== undefined) checkPriority("priority", priority);
  if (lockMode !== undefined) checkLockMode(lockMode);
  for (const [option, key] of Object.entries({ lock, queueingLock })) {
    if (key !== undefined && key !== null) checkLockKey(option, key);
  }
  return {
    ...(queue === undefined ? {} : { queue }),
    ...(priority === undefined ? {} : { priority }),
    ...(lock === undefined ? {} : { lock }),
    ...(lockMode === undefined ? {} : { lockMode }),
    ...(queueingLock === undefined ? {} : { queueingLock }),
  };
}
