import type { Job } from "../job.ts";
import { CLAIM, IS_SPECIAL } from "./fetch-jobs.ts";
import { claimedRow, parseClaimedJobs } from "./job-row.ts";
import { type QueueSql, statement, TOOK_MS, UNFLUSHED } from "./statement.ts";

export interface ToldJob {
  readonly id: bigint;
  readonly queue: string;
}

/**
 * $1 the job, $2 its queue, $3 worker. Planning fetch_jobs for a single job costs more than all the rest of this.
 * `ready` is wrapped, or a plan that is made and kept while little waits would go through the fetch index. One that was
 * kept of a table with a few rows reads all of it, until the next ANALYZE: how long it took tells.
 */
const run = statement(
  "fetch_job",
  (t) => `
with claimed as (
  update ${t.jobs} j set ${CLAIM}, worker_id = $3::text::bigint
  where j.ctid = any(array(
    select j.ctid from ${t.jobs} j
    where j.id = $1::text::bigint and j.queue_name = $2::text and coalesce(j.ready, false) and j.status = 'todo'
      and not (${IS_SPECIAL})
    for no key update skip locked
  ))
  returning ${claimedRow("$2::text")} as jobs
)
select (select c.jobs from claimed c) as jobs, ${UNFLUSHED}, ${TOOK_MS}`,
  { isPreparable: true },
);

export interface FetchedJob {
  readonly jobs: readonly Job[];
  /** Milliseconds in Postgres. */
  readonly tookMs: number;
}

/**
 * Claims one job that was told of, if fetch_jobs would claim it too: not where somebody else has it, and not with a
 * lock. Flushed as late as there.
 */
export async function fetchJob(sql: QueueSql, workerId: bigint, { id, queue }: ToldJob): Promise<FetchedJob> {
  const { jobs, tookMs } = await run<{ jobs: string | null; tookMs: number }>(sql, [
    String(id),
    queue,
    String(workerId),
  ]);
  return { jobs: parseClaimedJobs(jobs, queue), tookMs };
}
