import type { ClaimedJob } from "./job-row.ts";
import { runningJobs } from "./rescue-jobs.ts";
import { type QueueSql, statement } from "./statement.ts";

/** $1 worker. No index leads to it, so this is for when something went wrong. */
const run = statement(
  "list_worker_jobs",
  (t) => `
with running as materialized (${runningJobs(t, "j.worker_id = $1::text::bigint")})
select (select json_agg(json_build_array(j.id::text, j.lease, j.lock))::text from ${t.jobs} j
        where j.ctid = any(array(select tid from running)) and j.status = 'doing') as jobs`,
);

/** The jobs that a worker holds, as Postgres sees it. */
export async function listWorkerJobs(sql: QueueSql, workerId: bigint): Promise<ClaimedJob[]> {
  const row = await run<{ jobs: string | null }>(sql, [String(workerId)]);
  const jobs = JSON.parse(row.jobs ?? "[]") as [id: string, lease: number, lock: string | null][];
  return jobs.map(([id, lease, lock]) => ({ id: BigInt(id), lease, lock }));
}
