import { type QueueSql, statement } from "./statement.ts";

/** $1 task, $2 id. */
const run = statement(
  "delete_schedule",
  (t) => `
with gone as (delete from ${t.schedules} where task_name = $1::text and periodic_id = $2::text returning 1)
select count(*)::int as gone from gone`,
);

/** Deletes a schedule; its jobs stay. Gives whether there was one. */
export async function deleteSchedule(sql: QueueSql, task: string, id: string): Promise<boolean> {
  const { gone } = await run<{ gone: number }>(sql, [task, id]);
  return gone > 0;
}
