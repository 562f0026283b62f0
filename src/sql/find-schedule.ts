import { parseSchedule, SCHEDULE_ROW, type StoredSchedule } from "./list-schedules.ts";
import { type QueueSql, statement } from "./statement.ts";

/** $1 task, $2 id. */
const run = statement(
  "find_schedule",
  (t) => `
select (select ${SCHEDULE_ROW}::text from ${t.schedules} s where s.task_name = $1::text and s.periodic_id = $2::text) as schedule,
  extract(epoch from clock_timestamp())::float8 * 1000 as "nowMs"`,
);

/** A schedule, undefined where there is none, and the time of the database. */
export async function findSchedule(
  sql: QueueSql,
  task: string,
  id: string,
): Promise<{ schedule: StoredSchedule | undefined; nowMs: number }> {
  const { schedule, nowMs } = await run<{ schedule: string | null; nowMs: number }>(sql, [task, id]);
  return { schedule: schedule === null ? undefined : parseSchedule(JSON.parse(schedule)), nowMs };
}
