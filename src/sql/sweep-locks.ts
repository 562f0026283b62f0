import { isInLine } from "./job-row.ts";
import { type QueueSql, statement } from "./statement.ts";

/**
 * $1 the first lock, $2 how many at most. Finds locks that nobody holds and whose head was set aside: what
 * a crash between releasing a lock and promoting its next job leaves behind. Hops through the lock index.
 *
 * That `lock` is not null follows from the comparison. Said again, it makes the planner expect no row where statistics
 * are from before any job had a lock: each hop then read and sorted all that was left of the index.
 */
const run = statement(
  "sweep_locks",
  (t) => `
with recursive locks as (
  (select o.lock, 1 as place from ${t.jobs} o where o.lock >= $1::text and o.finished_at is null
   order by o.lock, o.priority desc, o.id limit 1)
  union all
  select n.lock, l.place + 1 from locks l cross join lateral (
    select o.lock from ${t.jobs} o where o.lock > l.lock and o.finished_at is null
    order by o.lock, o.priority desc, o.id limit 1) n
  where l.place <= $2::int
)
select (select json_agg(x.lock)::text from (
    select l.lock from locks l cross join lateral (
      select * from (select o.ready, o.wake_at from ${t.jobs} o
        where o.lock = l.lock and o.finished_at is null and ${isInLine("o")}
        order by o.priority desc, o.id limit (select 1)) y limit 1) h
    where l.place <= $2::int and not h.ready and h.wake_at is null and not exists (select 1 from ${t.jobs} r where r.running_lock = l.lock)
  ) x) as idle,
  (select l.lock from locks l where l.place = $2::int + 1) as next`,
);

export interface SweptLocks {
  /** To be promoted. */
  readonly idle: readonly string[];
  /** Where the next page begins; undefined after the last one. */
  readonly next: string | undefined;
}

/** A page of the locks, from one on: the empty text is a lock, too, and the first of all. */
export async function sweepLocks(
  sql: QueueSql,
  page: { readonly from: string; readonly limit: number },
): Promise<SweptLocks> {
  const row = await run<{ idle: string | null; next: string | null }>(sql, [page.from, page.limit]);
  return {
    idle: row.idle === null ? [] : (JSON.parse(row.idle) as string[]),
    next: row.next ?? undefined,
  };
}
