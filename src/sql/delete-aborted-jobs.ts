import { numberArray, type QueueSql, statement } from "./statement.ts";

/** $1 ids. */
const run = statement(
  "delete_aborted_jobs",
  (t) => `
with gone as (
  delete from ${t.jobs} j where j.id = any($1::text::bigint[]) and j.status = 'aborted' returning j.id
), events as (
  delete from ${t.events} where job_id = any(array(select id from gone))
)
select count(*)::int as gone from gone`,
);

/** Deletes jobs that ended as aborted where they should have gone back, with their events. */
export async function deleteAbortedJobs(sql: QueueSql, ids: readonly bigint[]): Promise<void> {
  await run(sql, [numberArray(ids)]);
}
