import { type QueueSql, statement } from "./statement.ts";

/**
 * $1 seconds, $2 how many at most. Deletes ticks that are older, but the last one of each schedule. Hops through the
 * index of the ticks from schedule to schedule, also those that are gone.
 */
const run = statement(
  "prune_ticks",
  (t) => `
with recursive names as (
  (select d.task_name, d.periodic_id from ${t.periodicDefers} d order by d.task_name, d.periodic_id limit 1)
  union all
  select n.task_name, n.periodic_id from names p cross join lateral (
    select d.task_name, d.periodic_id from ${t.periodicDefers} d
    where (d.task_name, d.periodic_id) > (p.task_name, p.periodic_id)
    order by d.task_name, d.periodic_id limit 1) n
), last as (
  select n.task_name, n.periodic_id, (
    select max(d.defer_timestamp) from ${t.periodicDefers} d
    where d.task_name = n.task_name and d.periodic_id = n.periodic_id
      and exists (select 1 from ${t.schedules} s where s.task_name = n.task_name and s.periodic_id = n.periodic_id)) as tick
  from names n
), old as (
  select o.id from last l cross join lateral (
    select d.id from ${t.periodicDefers} d
    where d.task_name = l.task_name and d.periodic_id = l.periodic_id
      and d.defer_timestamp < least(extract(epoch from now())::bigint - $1::int, l.tick)
    order by d.defer_timestamp limit $2::int) o
  limit $2::int
), pruned as (
  delete from ${t.periodicDefers} where id = any(array(
    select d.id from ${t.periodicDefers} d where d.id = any(array(select id from old)) order by d.id for update skip locked))
  returning 1
)
select count(*)::int as pruned from pruned`,
);

/** Gives how many it deleted. */
export async function pruneTicks(
  sql: QueueSql,
  { afterSeconds, limit }: { readonly afterSeconds: number; readonly limit: number },
): Promise<number> {
  const { pruned } = await run<{ pruned: number }>(sql, [afterSeconds, limit]);
  return pruned;
}
