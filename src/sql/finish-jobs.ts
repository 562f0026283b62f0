import { isHeldBy, type Lease, PATIENCE } from "./job-row.ts";
import { numberArray, type QueueSql, type RunStatement, statement } from "./statement.ts";

/** The ids whose row was changed, told only when some were not: comparing counts is cheaper than reading them. */
const DONE = `(select count(*)::int from done) as count,
       case when (select count(*) from done) < $3::int then (select json_agg(d.id::text)::text from done d) end as ids`;

/** $1 ids, $2 leases, $3 how many, $4 worker. */
const LEASES = `(select * from unnest($1::text::bigint[], $2::text::int[]) u(id, lease) limit ${PATIENCE})`;

const keep = statement(
  "finish_jobs",
  (t) => `
with done as (
  update ${t.jobs} j set status = 'succeeded', ready = false, wake_at = null, running_lock = null,
         attempts = j.attempts + 1, finished_at = now()
  from ${LEASES} d
  where j.id = d.id and ${isHeldBy("d", "$4")}
  returning j.id
)
select ${DONE}`,
);

/** There are no foreign keys, so the few jobs that can have events take them along here. */
const remove = statement(
  "finish_and_delete_jobs",
  (t) => `
with done as (
  delete from ${t.jobs} j using ${LEASES} d
  where j.id = d.id and ${isHeldBy("d", "$4")}
  returning j.id, j.attempts > 0 or j.rescues > 0 or j.abort_requested as eventful
), events as (
  delete from ${t.events} where job_id = any(array(select d.id from done d where d.eventful))
)
select ${DONE}`,
);

interface Row {
  readonly count: number;
  readonly ids: string | null;
}

/** Records that jobs succeeded and gives those that no longer belonged to the worker. */
export function finishJobs<Item extends Lease>(
  sql: QueueSql,
  workerId: bigint,
  jobs: readonly Item[],
): Promise<Item[]> {
  return runFenced(keep, sql, workerId, jobs);
}

/** Deletes finished jobs with their events and gives those that no longer belonged to the worker. */
export function finishAndDeleteJobs<Item extends Lease>(
  sql: QueueSql,
  workerId: bigint,
  jobs: readonly Item[],
): Promise<Item[]> {
  return runFenced(remove, sql, workerId, jobs);
}

async function runFenced<Item extends Lease>(
  run: RunStatement,
  sql: QueueSql,
  workerId: bigint,
  jobs: readonly Item[],
): Promise<Item[]> {
  const ids = numberArray(jobs.map((job) => job.id));
  const leases = numberArray(jobs.map((job) => job.lease));
  return lostAmong(jobs, await run<Row>(sql, [ids, leases, jobs.length, String(workerId)]));
}

/** The jobs that a fenced statement did not change. */
export function lostAmong<Item extends Lease>(jobs: readonly Item[], row: Row): Item[] {
  if (row.count === jobs.length) return [];
  const changed = new Set(row.ids === null ? [] : (JSON.parse(row.ids) as string[]));
  return jobs.filter((job) => !changed.has(String(job.id)));
}
