import { notify, PATIENCE } from "./job-row.ts";
import { type QueueSql, statement } from "./statement.ts";

/**
 * $1 the schedules as JSON, $2 whether they are in the code, $3 whether to wait for a locked row for a second only, which
 * would hold for the rest of a caller's transaction. Writes those that are new or changed, in an order that all share: a
 * worker that starts mostly writes none, and waits for nobody. A schedule begins with its creation, and anew when its
 * times change: what came before is not caught up. One that is paused stays so. What is in the code takes the place of
 * one that was made at run time, never the other way round. Workers are told of the latter alone: whoever has a schedule
 * in his code has just written it.
 */
const run = statement(
  "upsert_schedules",
  (t) => `
with given as materialized (
  select * from jsonb_to_recordset($1::text::jsonb) as (task text, id text, cron text, timezone text, args jsonb, queue text,
    priority int, lock text, "queueingLock" text, missed text, "maxDelaySeconds" int)
  limit case when $3::boolean then ${PATIENCE} else 100000 end
), written as (
  insert into ${t.schedules} as s (task_name, periodic_id, cron, timezone, args, queue_name, priority, lock, queueing_lock, missed,
    max_delay_seconds, in_code, last_tick)
  select g.task, g.id, g.cron, g.timezone, g.args, g.queue, g.priority, g.lock, g."queueingLock", g.missed, g."maxDelaySeconds",
    $2::boolean, floor(extract(epoch from clock_timestamp()))::bigint
  from given g
  where not exists (select 1 from ${t.schedules} o where o.task_name = g.task and o.periodic_id = g.id and o.in_code = $2::boolean
    and (o.cron, o.timezone, o.args, o.queue_name, o.priority, o.lock, o.queueing_lock, o.missed, o.max_delay_seconds)
      is not distinct from (g.cron, g.timezone, g.args, g.queue, g.priority, g.lock, g."queueingLock", g.missed, g."maxDelaySeconds"))
  order by g.task, g.id
  on conflict (task_name, periodic_id) do update set cron = excluded.cron, timezone = excluded.timezone, args = excluded.args,
    queue_name = excluded.queue_name, priority = excluded.priority, lock = excluded.lock, queueing_lock = excluded.queueing_lock,
    missed = excluded.missed, max_delay_seconds = excluded.max_delay_seconds, in_code = excluded.in_code, seen_at = now(),
    last_tick = case when (s.cron, s.timezone) is distinct from (excluded.cron, excluded.timezone)
      then greatest(s.last_tick, excluded.last_tick) else s.last_tick end
  where excluded.in_code or not s.in_code
  returning s.id
)
select (select count(*)::int from written) as written,
  (select count(*)::int from given g join ${t.schedules} o on o.task_name = g.task and o.periodic_id = g.id
    where o.in_code and not $2::boolean) as refused,
  (${notifySchedules(t)} where not $2::boolean)::text as notified`,
);

/** Tells the workers to look at the schedules. */
export function notifySchedules(t: Parameters<typeof notify>[0]): string {
  return `select ${notify(t, `'{"schedules": true}'`)}`;
}

/** A schedule to be written, checked and complete. */
export interface NewSchedule {
  readonly task: string;
  readonly id: string;
  readonly cron: string;
  readonly timezone: string;
  readonly args: object;
  readonly queue: string | undefined;
  readonly priority: number | undefined;
  readonly lock: string | null | undefined;
  readonly queueingLock: string | null | undefined;
  readonly missed: string;
  readonly maxDelaySeconds: number;
}

/** Gives how many were left out, because they are of run time and the code has them. */
export async function upsertSchedules(
  sql: QueueSql,
  schedules: readonly NewSchedule[],
  { inCode, isPatient }: { readonly inCode: boolean; readonly isPatient: boolean },
): Promise<number> {
  const { refused } = await run<{ refused: number }>(sql, [JSON.stringify(schedules), inCode, !isPatient]);
  return refused;
}
