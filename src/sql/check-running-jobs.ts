import { isHeldBy, type Lease } from "./job-row.ts";
import { numberArray, type QueueSql, statement } from "./statement.ts";

/**
 * $1 ids, $2 leases, $3 worker. Takes jobs that run for long out of the fetch index, where each fetch would have to skip them, to
 * the far end of the wake index, where the rescue of a dead worker's jobs finds them.
 * A job whose handler completed it in a transaction that is still open is left alone: its row is locked.
 */
const run = statement(
  "check_running_jobs",
  (t) => `
with running as materialized (
  select * from unnest($1::text::bigint[], $2::text::int[]) u(id, lease) limit (select 100000)
), unsettled as materialized (
  select j.ctid as tid from running r join ${t.jobs} j on j.id = r.id
  where ${isHeldBy("r", "$3")} and j.wake_at is distinct from 'infinity'
  for no key update of j skip locked
), settled as (
  update ${t.jobs} j set ready = false, wake_at = 'infinity' where j.ctid = any(array(select tid from unsettled))
)
select (select json_agg(r.id::text)::text from running r
        where not exists (select 1 from ${t.jobs} j where j.id = r.id and ${isHeldBy("r", "$3")})) as lost,
       (select json_agg(r.id::text)::text from running r
        join ${t.jobs} j on j.id = r.id and j.lease = r.lease and j.abort_requested) as "abortRequested"`,
);

export interface CheckedJobs<Item> {
  /** No longer this worker's. */
  readonly lost: readonly Item[];
  /** Somebody asked for their abort. */
  readonly abortRequested: readonly Item[];
}

/** Marks running jobs as running for long, and says which of them should stop. */
export async function checkRunningJobs<Item extends Lease>(
  sql: QueueSql,
  workerId: bigint,
  jobs: readonly Item[],
): Promise<CheckedJobs<Item>> {
  const ids = numberArray(jobs.map((job) => job.id));
  const row = await run<{ lost: string | null; abortRequested: string | null }>(sql, [
    ids,
    numberArray(jobs.map((job) => job.lease)),
    String(workerId),
  ]);
  const among = (text: string | null): Item[] => {
    const found = new Set(text === null ? [] : (JSON.parse(text) as string[]));
    return jobs.filter((job) => found.has(String(job.id)));
  };
  return { lost: among(row.lost), abortRequested: among(row.abortRequested) };
}
