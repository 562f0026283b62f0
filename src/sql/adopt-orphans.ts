import { runningJobs } from "./rescue-jobs.ts";
import { type QueueSql, statement } from "./statement.ts";

/**
 * Gives workers that hold jobs and have no row one that says that they live. Those that do go on with their heartbeat;
 * the others are dead in a while, and their jobs are rescued. Nobody would find these otherwise: somebody deleted rows
 * of workers, or a worker died before its heartbeat wrote its own anew. Jobs that run without a worker get one.
 * Looks at every ready job, so it is for now and then.
 */
const run = statement(
  "adopt_orphans",
  (t) => `
with orphans as materialized (${runningJobs(t, `not exists (select 1 from ${t.workers} w where w.id = j.worker_id)`)}
), known as (
  insert into ${t.workers} (id, name) select distinct o.worker_id, 'lost worker' from orphans o where o.worker_id is not null
  on conflict (id) do nothing
), nobody as (
  insert into ${t.workers} (name) select 'lost worker' where exists (select 1 from orphans where worker_id is null)
  returning id
), free as materialized (
  select j.ctid as tid from ${t.jobs} j
  where j.ctid = any(array(select tid from orphans where worker_id is null)) and j.status = 'doing'
  for no key update skip locked
), adopted as (
  update ${t.jobs} j set worker_id = (select id from nobody) where j.ctid = any(array(select tid from free))
  returning 1
)
select count(*)::int as orphans, (select count(*)::int from adopted) as adopted from orphans`,
);

/** Makes running jobs whose worker is unknown findable for the rescue. */
export async function adoptOrphans(sql: QueueSql): Promise<void> {
  await run(sql, []);
}
