import type { JobStatus } from "../job.ts";
import { notifyIdle } from "./job-row.ts";
import { leaveToWorkers } from "./promote-locks.ts";
import { optionalStatement, type QueueSql } from "./statement.ts";

/**
 * $1 id, $2 priority or null, $3 whether the schedule changes, $4 and $5 to a moment or a delay, $6 whether a
 * transaction of the caller goes on.
 *
 * The job is put where a fetch looks at it and decides anew. It may be the head of its lock no longer, or only now, so
 * that the lock is to be promoted after the commit. The lease goes up so that its events are deleted with the job.
 */
const run = optionalStatement(
  "change_job",
  (t) => `
with found as materialized (
  select j.id, j.status, j.lock, j.priority, j.scheduled_at from ${t.jobs} j where j.id = $1::text::bigint for no key update
), changed_job as (
  update ${t.jobs} j set priority = coalesce($2::int, j.priority), scheduled_at = s.at, ready = s.at is null or s.at <= now(),
         wake_at = case when s.at > now() then s.at end, lease = j.lease + 1
  from found f cross join lateral (
    select case when $3::boolean then coalesce(to_timestamp($4::float8 / 1000), clock_timestamp() + $5::float8 * interval '1 millisecond')
           else f.scheduled_at end as at
  ) s
  where j.id = f.id and f.status = 'todo'
  returning j.id, j.queue_name, j.wake_at, j.lock, json_build_object('from', f.priority, 'to', j.priority) as priorities,
            json_build_object('from', f.scheduled_at, 'to', j.scheduled_at) as times
), events as (
  insert into ${t.events} (job_id, type, at, detail)
  select id, case when $3::boolean then 'scheduled' else 'changed' end::${t.jobEventType}, statement_timestamp(),
         case when $3::boolean then times else json_build_object('priority', priorities) end::jsonb
  from changed_job
), changed as (
  select queue_name, case when wake_at is null then 0 else extract(epoch from wake_at - now())::float8 * 1000 end as delay_ms from changed_job
), notified as materialized (${notifyIdle(t, "changed")}
), left_to_workers as materialized (${leaveToWorkers(t, "changed_job", "$6::boolean")})
select f.status::text as status, case when f.status = 'todo' then f.lock end as lock,
       (select sent::int from notified) as notified, (select told from left_to_workers) as "leftToWorkers"
from found f`,
);

/** What of a waiting job becomes another. */
export interface JobChange {
  readonly priority?: number;
  readonly schedule?: { readonly atMs: number | null; readonly inMs: number | null };
}

/** Changes a job if it waits. Gives the state that was found, and the lock to be promoted; undefined where there is no such job. */
export function changeJob(
  sql: QueueSql,
  id: bigint,
  { priority, schedule }: JobChange,
  { inTransaction }: { readonly inTransaction: boolean },
): Promise<{ readonly status: JobStatus; readonly lock: string | null } | undefined> {
  const { atMs = null, inMs = null } = schedule ?? {};
  return run(sql, [String(id), priority ?? null, schedule !== undefined, atMs, inMs, inTransaction]);
}
