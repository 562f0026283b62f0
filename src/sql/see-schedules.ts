import { type QueueSql, statement } from "./statement.ts";

/** $1 task and id of schedules as JSON, $2 milliseconds. Says that a worker has these in its code, if nobody said so lately. */
const run = statement(
  "see_schedules",
  (t) => `
with old as materialized (
  select s.id from ${t.schedules} s join jsonb_to_recordset($1::text::jsonb) as g(task text, id text)
    on s.task_name = g.task and s.periodic_id = g.id
  where s.seen_at < now() - $2::float8 * interval '1 millisecond'
  order by s.id for no key update of s skip locked
), seen as (
  update ${t.schedules} s set seen_at = now() from old o where s.id = o.id returning 1
)
select count(*)::int as seen from seen`,
);

export interface ScheduleKey {
  readonly task: string;
  readonly id: string;
}

export async function seeSchedules(sql: QueueSql, keys: readonly ScheduleKey[], afterMs: number): Promise<void> {
  await run(sql, [JSON.stringify(keys), afterMs]);
}
