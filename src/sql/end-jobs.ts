import type { JsonValue } from "../json.ts";
import { lostAmong } from "./finish-jobs.ts";
import { isHeldBy, type Lease, PATIENCE } from "./job-row.ts";
import { type QueueSql, statement } from "./statement.ts";

/** What an event row says beside its type: the error, the attempt, the worker. */
export type EventDetail = Readonly<Record<string, JsonValue>>;

/** A run that ended with something to record beside the status. */
export interface EndedJob extends Lease {
  readonly status: "succeeded" | "failed" | "aborted";
  /** What the handler returned, as JSON. */
  readonly resultJson?: string | undefined;
  readonly detail?: EventDetail;
}

/** $1 the ended jobs as JSON, $2 worker. The rare sibling of finish_jobs. */
const run = statement(
  "end_jobs",
  (t) => `
with ended as materialized (
  select * from jsonb_to_recordset($1::text::jsonb) as (id bigint, lease int, status text, result jsonb, detail jsonb)
  limit ${PATIENCE}
), done as (
  update ${t.jobs} j set status = e.status::${t.jobStatus}, ready = false, wake_at = null, running_lock = null,
         attempts = j.attempts + 1, finished_at = now(), result = e.result
  from ended e
  where j.id = e.id and ${isHeldBy("e", "$2")}
  returning j.id, e.status, e.detail
), events as (
  insert into ${t.events} (job_id, type, detail)
  select d.id, d.status::${t.jobEventType}, d.detail from done d where d.status <> 'succeeded'
)
select (select count(*)::int from done) as count,
       (select json_agg(d.id::text)::text from done d) as ids`,
);

/** Records how jobs ended, with result or error, and gives those that no longer belonged to the worker. */
export async function endJobs<Item extends EndedJob>(
  sql: QueueSql,
  workerId: bigint,
  jobs: readonly Item[],
): Promise<Item[]> {
  const rows = `[${jobs.map(endedJson).join(",")}]`;
  return lostAmong(jobs, await run<{ count: number; ids: string | null }>(sql, [rows, String(workerId)]));
}

/** The result is put in as it is: it was made JSON already. */
function endedJson({ id, lease, status, resultJson, detail }: EndedJob): string {
  const json = JSON.stringify({ id: String(id), lease, status, detail });
  return resultJson === undefined ? json : `${json.slice(0, -1)},"result":${resultJson}}`;
}
