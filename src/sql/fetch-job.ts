import type { Job } from "../job.ts";
import { CLAIM, IS_SPECIAL } from "./fetch-jobs.ts";
import { claimedRow, parseClaimedJobs } from "./job-row.ts";
import { optionalStatement, type QueueSql } from "./statement.ts";

export interface ToldJob {
  readonly id: bigint;
  readonly queue: string;
}

/**
 * $1 the job, $2 its queue, $3 worker. Planning fetch_jobs for a single job costs more than all the rest of this.
 * `ready` is wrapped, or a plan that is made and kept while little waits would go through the fetch index.
 */
const run = optionalStatement(
  "fetch_job",
  (t) => `
update ${t.jobs} j set ${CLAIM}, worker_id = $3::text::bigint
where j.ctid = any(array(
  select j.ctid from ${t.jobs} j
  where j.id = $1::text::bigint and j.queue_name = $2::text and coalesce(j.ready, false) and j.status = 'todo' and not (${IS_SPECIAL})
  for no key update skip locked
))
returning ${claimedRow("$2::text")} as jobs, set_config('synchronous_commit', 'off', true) as commit`,
  { isPreparable: true },
);

/**
 * Claims one job that was told of, if fetch_jobs would claim it too: not where somebody else has it, and not with a
 * lock. Flushed as late as there.
 */
export async function fetchJob(sql: QueueSql, workerId: bigint, { id, queue }: ToldJob): Promise<Job[]> {
  const row = await run<{ jobs: string }>(sql, [String(id), queue, String(workerId)]);
  return parseClaimedJobs(row?.jobs ?? null, queue);
}
