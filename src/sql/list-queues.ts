import { type QueueSql, statement } from "./statement.ts";

/**
 * All queues that have a waiting or running job, or are paused. Finished jobs are not read: what is alive is in the fetch
 * index, in the wake index, or behind its lock in the lock index, and in one of the three branches only.
 */
const run = statement(
  "list_queues",
  (t) => `
with alive as (
  select j.queue_name, j.status from ${t.jobs} j where j.ready
  union all select j.queue_name, j.status from ${t.jobs} j where not j.ready and j.wake_at is not null
  union all select j.queue_name, j.status from ${t.jobs} j
    where j.lock is not null and j.finished_at is null and not j.ready and j.wake_at is null
), counts as (
  select a.queue_name as name, count(*) filter (where a.status = 'todo') as todo, count(*) filter (where a.status = 'doing') as doing
  from alive a where a.status in ('todo', 'doing') group by a.queue_name
), listed as (
  select name, coalesce(c.todo, 0) as todo, coalesce(c.doing, 0) as doing, date_part('epoch', q.paused_at) * 1000 as paused_at
  from counts c full join (select q.name, q.paused_at from ${t.queues} q where q.paused_at is not null) q using (name)
)
select (select json_agg(json_build_array(l.name, l.todo, l.doing, l.paused_at) order by l.name collate "C")::text from listed l) as queues`,
);

type Row = readonly [name: string, todo: number, doing: number, pausedAt: number | null];

/** A queue and what it holds. */
export interface QueueSummary {
  readonly name: string;
  /** How many of its jobs wait, also those that are scheduled for later. */
  readonly todo: number;
  /** How many of its jobs run. */
  readonly doing: number;
  /** Since when it is paused; null where it is not. */
  readonly pausedAt: Date | null;
}

/** The queues that have living jobs or are paused, by name. */
export async function listQueues(sql: QueueSql): Promise<QueueSummary[]> {
  const { queues } = await run<{ queues: string | null }>(sql, []);
  const rows = JSON.parse(queues ?? "[]") as Row[];
  return rows.map(([name, todo, doing, pausedAt]) => ({
    name,
    todo,
    doing,
    pausedAt: pausedAt === null ? null : new Date(pausedAt),
  }));
}
