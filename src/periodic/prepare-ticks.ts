import type { Tick } from "../sql/defer-ticks.ts";
import type { NewJob } from "../sql/insert-jobs.ts";
import type { StoredSchedule } from "../sql/list-schedules.ts";
import type { DeferOptions } from "../task/deferrer.ts";
import type { AnyTask } from "../task/task.ts";
import type { ValidateHow } from "../task/validate-args.ts";
import type { ScheduleJob } from "./schedule-job.ts";

/** Makes the row of a job. @throws InvalidArgsError, InvalidOptionError */
export type PrepareJob = (task: AnyTask, args: object, options: DeferOptions, how?: ValidateHow) => Promise<NewJob>;

export interface DueTick {
  readonly schedule: StoredSchedule;
  readonly job: ScheduleJob;
  readonly atMs: number;
  /** An earlier tick that has no job because of this one. */
  readonly ignored: number | undefined;
}

export interface PreparedTick extends Tick {
  readonly schedule: StoredSchedule;
  readonly atMs: number;
  readonly ignored: number | undefined;
}

/** @throws whatever the app's function of the arguments throws; InvalidArgsError, InvalidOptionError */
export async function prepareTick(
  prepareJob: PrepareJob,
  { schedule, job, atMs, ignored }: DueTick,
): Promise<PreparedTick> {
  const row = await prepareJob(job.task, job.argsAt(new Date(atMs)), job.options, { quotes: false });
  return { scheduleId: schedule.id, tick: atMs / 1000, job: row, schedule, atMs, ignored };
}

const MAX_TICKS = 100;
const MAX_ARGS_LENGTH = 4 * 1024 * 1024;

/**
 * Cuts ticks into the parts of one statement each: one with a queueing lock alone and last, as it may have to wait for
 * another transaction.
 */
export function splitTicks(ticks: readonly PreparedTick[]): PreparedTick[][] {
  const parts: PreparedTick[][] = [];
  let part: PreparedTick[] = [];
  let length = 0;
  for (const tick of ticks) {
    if (tick.job.queueingLock !== null) continue;
    length += tick.job.argsJson.length;
    if (part.length === 0 || part.length >= MAX_TICKS || length > MAX_ARGS_LENGTH) {
      part = [];
      parts.push(part);
      length = tick.job.argsJson.length;
    }
    part.push(tick);
  }
  return [...parts, ...ticks.filter(({ job }) => job.queueingLock !== null).map((tick) => [tick])];
}
