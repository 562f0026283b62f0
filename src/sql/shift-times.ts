import { notify } from "./job-row.ts";
import { type QueueSql, statement } from "./statement.ts";

/**
 * $1 milliseconds. Moves every time that the queue has stored into the past, which is to it as if so much time had gone
 * by. Every row is written: this is for tests.
 *
 * In a transaction now() stands still, while jobs are scheduled by the time of their statements: what went by since the
 * transaction began counts too.
 *
 * Ticks are unique, so that all of a table are taken away before the first is written again: json_agg reads to the end.
 */
const run = statement(
  "shift_times",
  (t) => `
with step as (select $1::float8 * interval '1 millisecond' + (statement_timestamp() - now()) as by, round($1::float8 / 1000)::bigint as seconds
), jobs as (
  update ${t.jobs} j set scheduled_at = j.scheduled_at - s.by, wake_at = j.wake_at - s.by, deferred_at = j.deferred_at - s.by,
         started_at = j.started_at - s.by, finished_at = j.finished_at - s.by
  from step s returning 1
), events as (update ${t.events} e set at = e.at - s.by from step s
), workers as (
  update ${t.workers} w set started_at = w.started_at - s.by, last_heartbeat = w.last_heartbeat - s.by from step s
), queues as (update ${t.queues} q set paused_at = q.paused_at - s.by from step s
), schedules as (
  update ${t.schedules} p set last_tick = p.last_tick - s.seconds, paused_at = p.paused_at - s.by,
         created_at = p.created_at - s.by, seen_at = p.seen_at - s.by
  from step s
), ticks as (
  delete from ${t.periodicDefers} returning id, task_name, periodic_id, defer_timestamp, job_id
), taken as materialized (select json_agg(k) as rows from ticks k
), again as (
  insert into ${t.periodicDefers} (id, task_name, periodic_id, defer_timestamp, job_id)
  select r.id, r.task_name, r.periodic_id, r.defer_timestamp - s.seconds, r.job_id
  from taken, step s, json_to_recordset(coalesce(taken.rows, '[]')) r
    (id bigint, task_name text, periodic_id text, defer_timestamp bigint, job_id bigint)
)
select (select count(*)::int from jobs) as jobs, ${notify(t, "'{}'")}::text as notified`,
);

/** Lets `ms` milliseconds go by for all that is in the queue's tables. */
export async function shiftTimes(sql: QueueSql, ms: number): Promise<void> {
  await run(sql, [ms]);
}
