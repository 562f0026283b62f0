import type { Lease } from "./job-row.ts";
import { type QueueSql, statement } from "./statement.ts";

/**
 * $1 id, $2 lease, $3 worker. A job that ended keeps lease and worker, one that was taken back loses the worker, and
 * one that is gone was deleted at its end.
 */
const run = statement(
  "find_run_state",
  (t) => `
select coalesce((
    select case when j.lease <> $2::int or j.worker_id is distinct from $3::text::bigint then 'lost'
                when j.status = 'doing' then 'running' else 'ended' end
    from ${t.jobs} j where j.id = $1::text::bigint), 'ended') as state`,
);

/** Where a run stands: the job runs under this lease, somebody has taken it, or it ended under it. */
export type RunState = "running" | "lost" | "ended";

export async function findRunState(sql: QueueSql, workerId: bigint, job: Lease): Promise<RunState> {
  const row = await run<{ state: RunState }>(sql, [String(job.id), job.lease, String(workerId)]);
  return row.state;
}
