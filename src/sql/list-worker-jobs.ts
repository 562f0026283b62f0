import type { Lease } from "./job-row.ts";
import { runningJobs } from "./rescue-jobs.ts";
import { type QueueSql, statement } from "./statement.ts";

/** $1 worker. No index leads to it, so this is for when something went wrong. */
const run = statement(
  "list_worker_jobs",
  (t) => `
with dead as materialized (select $1::text::bigint as id), running as materialized (${runningJobs(t)})
select (select json_agg(json_build_array(j.id::text, j.lease))::text from ${t.jobs} j
        where j.ctid = any(array(select tid from running)) and j.status = 'doing') as jobs`,
);

/** The jobs that a worker holds, as Postgres sees it. */
export async function listWorkerJobs(sql: QueueSql, workerId: bigint): Promise<Lease[]> {
  const row = await run<{ jobs: string | null }>(sql, [String(workerId)]);
  const jobs = JSON.parse(row.jobs ?? "[]") as [id: string, lease: number][];
  return jobs.map(([id, lease]) => ({ id: BigInt(id), lease }));
}
