import { type QueueSql, statement } from "./statement.ts";

/**
 * $1 task, $2 id, $3 milliseconds. One of the code that a worker has had there lately stays: that worker would write it
 * again.
 */
const run = statement(
  "delete_schedule",
  (t) => `
with gone as (
  delete from ${t.schedules} where task_name = $1::text and periodic_id = $2::text
    and not (in_code and seen_at >= now() - $3::float8 * interval '1 millisecond')
  returning 1
)
select (select count(*)::int from gone) as gone,
  (select extract(epoch from s.seen_at)::float8 * 1000 from ${t.schedules} s where s.task_name = $1::text and s.periodic_id = $2::text
    and s.in_code and s.seen_at >= now() - $3::float8 * interval '1 millisecond') as "seenAtMs"`,
);

export interface DeletedSchedule {
  readonly isGone: boolean;
  /** When a worker last had it in its code, if it stays for that; in milliseconds since 1970. */
  readonly seenAtMs: number | undefined;
}

/** Deletes a schedule, unless a worker has had it in its code within `seenWithinMs`; its jobs stay. */
export async function deleteSchedule(
  sql: QueueSql,
  { task, id, seenWithinMs }: { readonly task: string; readonly id: string; readonly seenWithinMs: number },
): Promise<DeletedSchedule> {
  const { gone, seenAtMs } = await run<{ gone: number; seenAtMs: number | null }>(sql, [task, id, seenWithinMs]);
  return { isGone: gone > 0, seenAtMs: seenAtMs ?? undefined };
}
