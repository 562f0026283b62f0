import { runningJobs } from "./rescue-jobs.ts";
import { type QueueSql, statement } from "./statement.ts";

/**
 * Gives running jobs whose worker has no row to a new worker that is dead already, so that they are rescued like those
 * of any other. Nobody else would find them: somebody deleted rows of workers, or a worker died before its heartbeat
 * wrote its own anew. Looks at every ready job, so it is for now and then.
 */
const run = statement(
  "adopt_orphans",
  (t) => `
with orphans as materialized (${runningJobs(t, `not exists (select 1 from ${t.workers} w where w.id = j.worker_id)`)}
), keeper as (
  insert into ${t.workers} (name, last_heartbeat) select 'lost worker', '-infinity' where exists (select 1 from orphans)
  returning id
), free as materialized (
  select j.ctid as tid from ${t.jobs} j where j.ctid = any(array(select tid from orphans)) and j.status = 'doing'
  for no key update skip locked
), adopted as (
  update ${t.jobs} j set worker_id = (select id from keeper) where j.ctid = any(array(select tid from free))
  returning 1
)
select count(*)::int as adopted from adopted`,
);

/** Makes running jobs whose worker is unknown findable for the rescue, and says how many there were. */
export async function adoptOrphans(sql: QueueSql): Promise<number> {
  const { adopted } = await run<{ adopted: number }>(sql, []);
  return adopted;
}
