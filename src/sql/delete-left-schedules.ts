import { type QueueSql, statement } from "./statement.ts";

/**
 * $1 milliseconds. Deletes schedules of the code that no worker has had in its code for so long. One that is paused
 * stays: whoever paused it wants it paused when it comes back.
 */
const run = statement(
  "delete_left_schedules",
  (t) => `
with gone as (
  delete from ${t.schedules} where id = any(array(
    select s.id from ${t.schedules} s
    where s.in_code and s.paused_at is null and s.seen_at < now() - $1::float8 * interval '1 millisecond'
    order by s.id for update skip locked))
  returning 1
)
select count(*)::int as gone from gone`,
);

/** Gives how many. */
export async function deleteLeftSchedules(sql: QueueSql, afterMs: number): Promise<number> {
  const { gone } = await run<{ gone: number }>(sql, [afterMs]);
  return gone;
}
