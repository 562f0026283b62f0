import type { Lease } from "./job-row.ts";
import { numberArray, type QueueSql, statement } from "./statement.ts";

/** $1 ids, $2 leases, $3 worker. */
const run = statement(
  "find_running_jobs",
  (t) => `
select (select json_agg(j.id::text)::text
        from (select * from unnest($1::text::bigint[], $2::text::int[]) u(id, lease) limit (select 100000)) d
        join ${t.jobs} j on j.id = d.id and j.lease = d.lease and j.worker_id = $3::text::bigint and j.status = 'doing') as ids`,
);

/** Those of the jobs that are still running under their lease. */
export async function findRunningJobs<Item extends Lease>(
  sql: QueueSql,
  workerId: bigint,
  jobs: readonly Item[],
): Promise<Item[]> {
  const ids = numberArray(jobs.map((job) => job.id));
  const row = await run<{ ids: string | null }>(sql, [
    ids,
    numberArray(jobs.map((job) => job.lease)),
    String(workerId),
  ]);
  const running = new Set(row.ids === null ? [] : (JSON.parse(row.ids) as string[]));
  return jobs.filter((job) => running.has(String(job.id)));
}
