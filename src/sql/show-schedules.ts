import type { JsonObject } from "../json.ts";
import { type QueueSql, statement } from "./statement.ts";

const ms = (time: string): string => `(extract(epoch from ${time})::float8 * 1000)`;

/** All schedules as people look at them, each with its last tick. */
const run = statement(
  "show_schedules",
  (t) => `
select (select json_agg(json_build_object('id', s.id::text, 'taskName', s.task_name, 'periodicId', s.periodic_id, 'cron', s.cron,
    'timezone', s.timezone, 'args', s.args, 'queue', s.queue_name, 'priority', s.priority, 'lock', s.lock,
    'queueingLock', s.queueing_lock, 'missed', s.missed, 'maxDelaySeconds', s.max_delay_seconds, 'inCode', s.in_code,
    'pausedAtMs', ${ms("s.paused_at")}, 'createdAtMs', ${ms("s.created_at")}, 'seenAtMs', ${ms("s.seen_at")},
    'lastTick', d.defer_timestamp::float8, 'lastJobId', d.job_id::text) order by s.task_name, s.periodic_id)::text
  from ${t.schedules} s left join lateral (
    select d.defer_timestamp, d.job_id from ${t.periodicDefers} d
    where d.task_name = s.task_name and d.periodic_id = s.periodic_id order by d.defer_timestamp desc limit 1) d on true) as schedules,
  extract(epoch from clock_timestamp())::float8 * 1000 as "nowMs"`,
);

/** A schedule with all that is stored of it. Times are milliseconds since 1970, ticks seconds. */
export interface ShownSchedule {
  readonly id: string;
  readonly taskName: string;
  readonly periodicId: string;
  readonly cron: string;
  readonly timezone: string;
  readonly args: JsonObject;
  readonly queue: string | null;
  readonly priority: number | null;
  readonly lock: string | null;
  readonly queueingLock: string | null;
  readonly missed: string;
  readonly maxDelaySeconds: number | null;
  readonly inCode: boolean;
  readonly pausedAtMs: number | null;
  readonly createdAtMs: number;
  readonly seenAtMs: number;
  readonly lastTick: number | null;
  readonly lastJobId: string | null;
}

/** By task, then by id. */
export async function showSchedules(sql: QueueSql): Promise<{ schedules: readonly ShownSchedule[]; nowMs: number }> {
  const { schedules, nowMs } = await run<{ schedules: string | null; nowMs: number }>(sql, []);
  return { schedules: schedules === null ? [] : (JSON.parse(schedules) as ShownSchedule[]), nowMs };
}
