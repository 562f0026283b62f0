import type { StoredJob } from "../stored-job.ts";
import { runningJobs } from "./rescue-jobs.ts";
import { type QueueSql, statement } from "./statement.ts";
import { parseStoredJobs, STORED_JOB } from "./stored-job.ts";

/** $1 milliseconds without a heartbeat, $2 how many at most. Looks at every ready job, as no index has the worker. */
const run = statement(
  "list_stalled_jobs",
  (t) => `
with living as materialized (
  select w.id from ${t.workers} w where w.last_heartbeat >= now() - $1::float8 * interval '1 millisecond'
), stalled as materialized (${runningJobs(t, "(j.worker_id is null or j.worker_id not in (select id from living))")}
), first as materialized (
  select j.id from ${t.jobs} j where j.ctid = any(array(select tid from stalled)) order by j.id limit $2::int
)
select (select json_agg(${STORED_JOB} order by j.id)::text from ${t.jobs} j where j.id = any(array(select id from first))) as jobs`,
);

/** Running jobs whose worker is unknown or gave no heartbeat for that long. */
export async function listStalledJobs(
  sql: QueueSql,
  { olderThanMs, limit }: { readonly olderThanMs: number; readonly limit: number },
): Promise<StoredJob[]> {
  const row = await run<{ jobs: string | null }>(sql, [olderThanMs, limit]);
  return parseStoredJobs(row.jobs);
}
