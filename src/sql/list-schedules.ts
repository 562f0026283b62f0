import type { JsonObject } from "../json.ts";
import { type QueueSql, statement } from "./statement.ts";

/** The row `s` of a schedule as it travels. */
export const SCHEDULE_ROW = `json_build_array(s.id::text, s.task_name, s.periodic_id, s.cron, s.timezone, s.missed, s.max_delay_seconds,
    coalesce(s.last_tick, floor(extract(epoch from s.created_at)))::float8, s.in_code, s.paused_at is not null,
    case when not s.in_code then json_build_object('args', s.args, 'queue', s.queue_name, 'priority', s.priority,
      'lock', s.lock, 'queueingLock', s.queueing_lock) end)`;

/** All schedules as a worker needs them, and the time by which their ticks are due. */
const run = statement(
  "list_schedules",
  (t) => `
select (select json_agg(${SCHEDULE_ROW} order by s.id)::text
  from ${t.schedules} s) as schedules,
  extract(epoch from clock_timestamp())::float8 * 1000 as "nowMs"`,
);

export type ScheduleRow = readonly [
  id: string,
  taskName: string,
  periodicId: string,
  cron: string,
  timezone: string,
  missed: string,
  maxDelaySeconds: number | null,
  lastTick: number,
  inCode: boolean,
  isPaused: boolean,
  job: StoredJobOptions | null,
];

/** What a schedule that was made at run time says of its jobs; null for what the task says. */
export interface StoredJobOptions {
  readonly args: JsonObject;
  readonly queue: string | null;
  readonly priority: number | null;
  readonly lock: string | null;
  readonly queueingLock: string | null;
}

export interface StoredSchedule {
  readonly id: bigint;
  readonly taskName: string;
  readonly periodicId: string;
  readonly cron: string;
  readonly timezone: string;
  readonly missed: string;
  readonly maxDelaySeconds: number | null;
  /** Seconds since 1970; up to here all ticks are seen to. */
  readonly lastTick: number;
  readonly inCode: boolean;
  readonly isPaused: boolean;
  /** Undefined for one that is in the code: the code says it. */
  readonly job: StoredJobOptions | undefined;
}

export async function listSchedules(sql: QueueSql): Promise<{ schedules: readonly StoredSchedule[]; nowMs: number }> {
  const { schedules, nowMs } = await run<{ schedules: string | null; nowMs: number }>(sql, []);
  const rows = schedules === null ? [] : (JSON.parse(schedules) as ScheduleRow[]);
  return { schedules: rows.map(parseSchedule), nowMs };
}

export function parseSchedule([
  id,
  taskName,
  periodicId,
  cron,
  timezone,
  missed,
  ...rest
]: ScheduleRow): StoredSchedule {
  const [maxDelaySeconds, lastTick, inCode, isPaused, job] = rest;
  return {
    ...{ id: BigInt(id), taskName, periodicId, cron, timezone, missed },
    ...{ maxDelaySeconds, lastTick, inCode, isPaused, job: job ?? undefined },
  };
}
