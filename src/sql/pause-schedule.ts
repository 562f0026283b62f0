import { type QueueSql, statement } from "./statement.ts";
import { notifySchedules } from "./upsert-schedules.ts";

/**
 * $1 task, $2 id, $3 whether it shall be paused. A pause keeps the time of its begin; the ticks that came during it are
 * not caught up.
 */
const run = statement(
  "pause_schedule",
  (t) => `
with changed as (
  update ${t.schedules} s set paused_at = case when $3::boolean then coalesce(s.paused_at, now()) end,
    last_tick = case when $3::boolean or s.paused_at is null then s.last_tick
      else greatest(s.last_tick, floor(extract(epoch from clock_timestamp()))::bigint) end
  where s.task_name = $1::text and s.periodic_id = $2::text
  returning 1
)
select (select count(*)::int from changed) as changed, (${notifySchedules(t)} where exists (select 1 from changed))::text as notified`,
);

/** Gives whether there is such a schedule. */
export async function pauseSchedule(
  sql: QueueSql,
  { task, id, isPaused }: { readonly task: string; readonly id: string; readonly isPaused: boolean },
): Promise<boolean> {
  const { changed } = await run<{ changed: number }>(sql, [task, id, isPaused]);
  return changed > 0;
}
