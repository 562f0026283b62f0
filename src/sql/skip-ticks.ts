import { type QueueSql, statement } from "./statement.ts";

/** $1 schedules and ticks as JSON. Says that the ticks up to these are seen to, without a job. */
const run = statement(
  "skip_ticks",
  (t) => `
with given as materialized (
  select * from jsonb_to_recordset($1::text::jsonb) as (schedule bigint, tick bigint)
), free as materialized (
  select s.id from ${t.schedules} s join given g on g.schedule = s.id order by s.id for no key update of s skip locked
), skipped as (
  update ${t.schedules} s set last_tick = g.tick from given g join free f on f.id = g.schedule
  where s.id = g.schedule and coalesce(s.last_tick, floor(extract(epoch from s.created_at))) < g.tick
  returning s.id
)
select (select json_agg(id::text)::text from skipped) as skipped`,
);

/** Gives the schedules whose ticks nobody had skipped before. */
export async function skipTicks(
  sql: QueueSql,
  ticks: readonly { readonly scheduleId: bigint; readonly tick: number }[],
): Promise<ReadonlySet<bigint>> {
  const rows = ticks.map(({ scheduleId, tick }) => ({ schedule: String(scheduleId), tick }));
  const { skipped } = await run<{ skipped: string | null }>(sql, [JSON.stringify(rows)]);
  return new Set(skipped === null ? [] : (JSON.parse(skipped) as string[]).map(BigInt));
}
