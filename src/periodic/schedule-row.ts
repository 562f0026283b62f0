import type { Duration } from "../duration.ts";
import type { JsonObject } from "../json.ts";
import type { ShownSchedule } from "../sql/show-schedules.ts";
import type { NewSchedule } from "../sql/upsert-schedules.ts";
import { parseCron } from "./cron.ts";
import type { PeriodicTask } from "./periodic-task.ts";
import { DEFAULT_MAX_DELAY_SECONDS } from "./schedule-options.ts";

/** A schedule as `app.periodic.list()` gives it. */
export interface PeriodicSchedule {
  readonly taskName: string;
  readonly periodicId: string;
  readonly cron: string;
  readonly timezone: string;
  /** What is stored of them: `{}` where a function of the code makes them. */
  readonly args: JsonObject;
  /** Null, as for the following, for what the task says. */
  readonly queue: string | null;
  readonly priority: number | null;
  readonly lock: string | null;
  readonly queueingLock: string | null;
  /** What happens to missed ticks: `skip`, `once` or `all`. */
  readonly missed: string;
  readonly maxDelay: Duration;
  /** It is in the code of some app, and was not made at run time. */
  readonly inCode: boolean;
  /** Null while it is not paused. */
  readonly pausedAt: Date | null;
  /** The last tick that was seen to, and its job, which retention may have taken since; null for none. */
  readonly lastTick: Date | null;
  /** Null also where the queueing lock was taken. */
  readonly lastJobId: bigint | null;
  /** Null while it is paused. */
  readonly nextTick: Date | null;
  readonly createdAt: Date;
  /** When a worker last said that its code has it, to the hour; when it was added, for one of run time. */
  readonly seenAt: Date;
}

/** The row of a schedule. Arguments that a function makes are the code's own affair. */
export function toNewSchedule({ task, schedule, args }: PeriodicTask): NewSchedule {
  const { periodicId, cron, timezone, missed, maxDelaySeconds, job } = schedule;
  return {
    ...{ task: task.name, id: periodicId, cron, timezone, missed, maxDelaySeconds },
    ...{ queue: job.queue, priority: job.priority, lock: job.lock, queueingLock: job.queueingLock },
    args: typeof args === "function" ? {} : args,
  };
}

export function toPeriodicSchedule(shown: ShownSchedule, nowMs: number): PeriodicSchedule {
  const { id: _id, pausedAtMs, createdAtMs, seenAtMs, maxDelaySeconds, lastTick, lastJobId, ...same } = shown;
  return {
    ...same,
    maxDelay: { seconds: maxDelaySeconds ?? DEFAULT_MAX_DELAY_SECONDS },
    pausedAt: pausedAtMs === null ? null : new Date(pausedAtMs),
    lastTick: lastTick === null ? null : new Date(lastTick * 1000),
    lastJobId: lastJobId === null ? null : BigInt(lastJobId),
    nextTick: pausedAtMs === null ? nextTick(shown, nowMs) : null,
    createdAt: new Date(createdAtMs),
    seenAt: new Date(seenAtMs),
  };
}

function nextTick({ cron, timezone }: ShownSchedule, nowMs: number): Date | null {
  try {
    const next = parseCron({ cron, timezone }).after(nowMs);
    return next === undefined ? null : new Date(next);
  } catch {
    // A row that was written by hand, or by a later version: the workers log it.
    return null;
  }
}
