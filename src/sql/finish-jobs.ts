import { deleteEvents } from "./delete-events.ts";
import { isHeldBy, type Lease, PATIENCE } from "./job-row.ts";
import { numberArray, type QueueSql, type RunStatement, statement, type TableNames } from "./statement.ts";

/** How many rows were changed; their ids only when some were not: comparing counts is cheaper than reading them. */
function outcome(also = ""): string {
  return `
select *, case when c.count < $3::int then (select json_agg(d.id::text)::text from done d) end as ids
from (select count(*)::int as count${also} from done d) c`;
}

/** $1 ids, $2 leases, $3 how many, $4 worker. */
const LEASES = `(select * from unnest($1::text::bigint[], $2::text::int[]) u(id, lease) limit ${PATIENCE})`;
const BY_LEASES: Selection = { from: LEASES, where: `j.id = d.id and ${isHeldBy("d", "$4")}` };

/**
 * $1 ids, $2 their lease, $3 how many, $4 worker. The lighter form where all have the same lease, as nearly always: a
 * lookup by a list of ids costs 0.5 us a job less than a join with it. The list is hidden from the planner, which would
 * count it and read a table of 100,000 rows from end to end.
 */
const LEASE = `(select $2::int as lease limit ${PATIENCE})`;
const BY_LEASE: Selection = {
  from: LEASE,
  where: `j.id = any((select $1::text::bigint[])::bigint[]) and ${isHeldBy("d", "$4")}`,
};

interface Selection {
  readonly from: string;
  readonly where: string;
}

const keep =
  ({ from, where }: Selection) =>
  (t: TableNames): string =>
    `
with done as (
  update ${t.jobs} j set status = 'succeeded', ready = false, wake_at = null, running_lock = null,
         attempts = j.attempts + 1, finished_at = now()
  from ${from} d
  where ${where}
  returning j.id
)${outcome()}`;

/**
 * There are no foreign keys, so the few jobs that can have events take them along here. Not those that were written while
 * the statement waited for the rows, which it does not see: who asks for an abort has the row locked, so that only jobs
 * that were asked are of interest afterwards.
 */
const remove =
  ({ from, where }: Selection) =>
  (t: TableNames): string =>
    `
with done as (
  delete from ${t.jobs} j using ${from} d
  where ${where}
  returning j.id, j.abort_requested, j.attempts > 0 or j.lease > 1 or j.rescues > 0 or j.abort_requested or j.progress is not null as eventful
), events as (
  delete from ${t.events} where job_id = any(array(select d.id from done d where d.eventful))
)${outcome(", (json_agg(d.id::text) filter (where d.abort_requested))::text as asked")}`;

const KEEP = {
  byLease: statement("finish_jobs", keep(BY_LEASE)),
  byLeases: statement("finish_jobs_of_leases", keep(BY_LEASES)),
};
const REMOVE = {
  byLease: statement("finish_and_delete_jobs", remove(BY_LEASE)),
  byLeases: statement("finish_and_delete_jobs_of_leases", remove(BY_LEASES)),
};

interface Row {
  readonly count: number;
  readonly ids: string | null;
  /** Of jobs that were deleted: those whose abort was requested. */
  readonly asked?: string | null;
}

/** Records that jobs succeeded and gives those that no longer belonged to the worker. */
export async function finishJobs<Item extends Lease>(
  sql: QueueSql,
  workerId: bigint,
  jobs: readonly Item[],
): Promise<Item[]> {
  return lostAmong(jobs, await runFenced(KEEP, sql, workerId, jobs));
}

/** Deletes finished jobs with their events and gives those that no longer belonged to the worker. */
export async function finishAndDeleteJobs<Item extends Lease>(
  sql: QueueSql,
  workerId: bigint,
  jobs: readonly Item[],
): Promise<Item[]> {
  const row = await runFenced(REMOVE, sql, workerId, jobs);
  const asked = JSON.parse(row.asked ?? "[]") as string[];
  // The jobs are gone, whatever becomes of this.
  if (asked.length > 0) await deleteEvents(sql, asked.map(BigInt)).catch(() => undefined);
  return lostAmong(jobs, row);
}

function runFenced(
  { byLease, byLeases }: { readonly byLease: RunStatement; readonly byLeases: RunStatement },
  sql: QueueSql,
  workerId: bigint,
  jobs: readonly Lease[],
): Promise<Row> {
  const ids = numberArray(jobs.map((job) => job.id));
  const lease = jobs[0]?.lease ?? 0;
  return jobs.every((job) => job.lease === lease)
    ? byLease<Row>(sql, [ids, lease, jobs.length, String(workerId)])
    : byLeases<Row>(sql, [ids, numberArray(jobs.map((job) => job.lease)), jobs.length, String(workerId)]);
}

/** The jobs that a fenced statement did not change. */
export function lostAmong<Item extends Lease>(jobs: readonly Item[], row: Row): Item[] {
  if (row.count === jobs.length) return [];
  const changed = new Set(row.ids === null ? [] : (JSON.parse(row.ids) as string[]));
  return jobs.filter((job) => !changed.has(String(job.id)));
}
