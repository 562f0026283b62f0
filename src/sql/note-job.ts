import { type Lease, PATIENCE } from "./job-row.ts";
import { type QueueSql, statement } from "./statement.ts";

/**
 * $1 id, $2 lease, $3 worker, $4 the progress as JSON or null, $5 log lines as JSON, oldest first. Writes what a handler
 * says of itself, while the job is its worker's, or completed by it under this lease.
 *
 * A job that only logged gets the JSON null as its progress: so that whoever deletes it at its end sees that it has
 * events, without looking for those of each job.
 */
const run = statement(
  "note_job",
  (t) => `
with held as materialized (
  select j.id from ${t.jobs} j where j.id = $1::text::bigint and j.lease = $2::int and j.worker_id = $3::text::bigint
  limit ${PATIENCE}
), noted as (
  update ${t.jobs} j set progress = coalesce($4::text::jsonb, 'null')
  from held h where j.id = h.id and j.lease = $2::int and j.worker_id = $3::text::bigint and j.status in ('doing', 'succeeded')
    and ($4::text is not null or j.progress is null)
), logged as (
  insert into ${t.events} (job_id, type, detail)
  select h.id, 'logged', l.line
  from held h cross join jsonb_array_elements($5::text::jsonb) with ordinality as l(line, place)
  order by l.place
)
select count(*)::int as held from held`,
);

export interface JobNote {
  /** As JSON; undefined to leave it. */
  readonly progress: string | undefined;
  /** As JSON objects. */
  readonly lines: readonly string[];
}

/** Writes the progress and log lines of a running job, and says whether it still belonged to the worker. */
export async function noteJob(sql: QueueSql, workerId: bigint, job: Lease, note: JobNote): Promise<boolean> {
  const { progress, lines } = note;
  const fence = [String(job.id), job.lease, String(workerId)];
  const row = await run<{ held: number }>(sql, [...fence, progress ?? null, `[${lines.join(",")}]`]);
  return row.held === 1;
}
