import { type NewJob, newJobJson } from "./insert-jobs.ts";
import { notifyIdle, PATIENCE } from "./job-row.ts";
import { type QueueSql, statement } from "./statement.ts";

/**
 * $1 ticks with their jobs as JSON, at most one per schedule; one with a queueing lock must be alone. Writes each tick and
 * its job together, once over all workers: the row lock of the schedule keeps workers apart, `last_tick` goes up only,
 * and the unique index of the ticks stands behind both. A schedule that somebody else has locked is left to him.
 *
 * Rows are matched with the ids of their jobs by their order, which no row is missing from: without queueing locks
 * nothing conflicts. By place in an array and not with a join: the planner expects ten rows, and would number the jobs
 * anew for each of them.
 */
const run = statement(
  "defer_ticks",
  (t) => `
with given as materialized (
  select * from jsonb_to_recordset($1::text::jsonb) as (schedule bigint, tick bigint, queue text, task text, priority int, lock text,
    mutex boolean, "queueingLock" text, args jsonb)
  limit ${PATIENCE}
), free as materialized (
  select s.id from ${t.schedules} s join given g on g.schedule = s.id
  where s.paused_at is null and coalesce(s.last_tick, floor(extract(epoch from s.created_at))) < g.tick
  order by s.id for no key update of s skip locked
), claimed as (
  update ${t.schedules} s set last_tick = g.tick
  from given g join free f on f.id = g.schedule
  where s.id = g.schedule and s.paused_at is null and coalesce(s.last_tick, floor(extract(epoch from s.created_at))) < g.tick
  returning s.id as schedule, s.periodic_id, g.tick, g.task, g.queue, g.priority, g.lock, g.mutex, g."queueingLock", g.args
), fresh as materialized (
  select c.*, row_number() over (order by c.schedule) as place from claimed c
  where not exists (select 1 from ${t.periodicDefers} d
    where d.task_name = c.task and d.periodic_id = c.periodic_id and d.defer_timestamp = c.tick)
), inserted as (
  insert into ${t.jobs} (queue_name, task_name, priority, lock, mutex, queueing_lock, queueing_key, args, ready)
  select f.queue, f.task, coalesce(f.priority, 0), f.lock, coalesce(f.mutex, false), f."queueingLock", f."queueingLock", f.args, true from fresh f order by f.place
  on conflict (queueing_key) where queueing_key is not null do nothing
  returning id, queue_name
), placed as materialized (
  select f.schedule, f.task, f.periodic_id, f.tick, (select array_agg(i.id order by i.id) from inserted i)[f.place] as id from fresh f
), ticked as (
  insert into ${t.periodicDefers} (task_name, periodic_id, defer_timestamp, job_id)
  select p.task, p.periodic_id, p.tick, p.id from placed p order by p.schedule
), changed as (
  select queue_name, 0 as delay_ms from inserted
), notified as materialized (${notifyIdle(t, "changed")})
select (select json_agg(json_build_array(p.schedule::text, p.id::text))::text from placed p) as placed,
       (select sent::int from notified) as notified`,
);

/** A tick of a schedule with the job that it shall have. */
export interface Tick {
  readonly scheduleId: bigint;
  /** Seconds since 1970. */
  readonly tick: number;
  readonly job: NewJob;
}

/**
 * Writes ticks and their jobs. Gives the id of each job by the id of its schedule; undefined where the queueing lock is
 * taken. A schedule that is missing was seen to by somebody else, or is paused or gone.
 */
export async function deferTicks(
  sql: QueueSql,
  ticks: readonly Tick[],
): Promise<ReadonlyMap<bigint, bigint | undefined>> {
  const json = ticks.map(({ scheduleId, tick, job }) => {
    return `{"schedule":"${scheduleId}","tick":${tick},${newJobJson(job).slice(1)}`;
  });
  const { placed } = await run<{ placed: string | null }>(sql, [`[${json.join(",")}]`]);
  const rows = placed === null ? [] : (JSON.parse(placed) as [schedule: string, job: string | null][]);
  return new Map(rows.map(([schedule, job]) => [BigInt(schedule), job === null ? undefined : BigInt(job)]));
}
