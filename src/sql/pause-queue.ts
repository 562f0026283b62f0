import { notify } from "./job-row.ts";
import { type QueueSql, statement } from "./statement.ts";

/** What all workers are told: they read anew which queues are paused. */
export const QUEUES_CHANGED = `json_build_object('queues', true)`;

/**
 * $1 queue. Gives the time of the first pause where it is paused already. Busy workers are told too: it is rare, and they
 * are the ones that take jobs.
 */
const run = statement(
  "pause_queue",
  (t) => `
with before as (
  select q.paused_at from ${t.queues} q where q.name = $1::text
), paused as (
  insert into ${t.queues} as q (name, paused_at) values ($1::text, now())
  on conflict (name) do update set paused_at = coalesce(q.paused_at, excluded.paused_at)
  returning 1
)
select (select count(*)::int from paused) as paused, (select b.paused_at is not null from before b) as "isKnown",
       ${notify(t, QUEUES_CHANGED)}::text as notified`,
);

/** Pauses a queue; false where it is paused already. */
export async function pauseQueue(sql: QueueSql, name: string): Promise<boolean> {
  const { isKnown } = await run<{ isKnown: boolean | null }>(sql, [name]);
  return isKnown !== true;
}
