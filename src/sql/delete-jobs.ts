import { numberArray, type QueueSql, statement } from "./statement.ts";

/** $1 ids of jobs that this transaction inserted. */
const run = statement(
  "delete_jobs",
  (t) => `
with deleted as (delete from ${t.jobs} where id = any($1::text::bigint[]) returning 1)
select count(*)::int as deleted from deleted`,
);

/** Takes back what the same transaction inserted: a batch is written whole or not at all. */
export async function deleteJobs(sql: QueueSql, ids: readonly bigint[]): Promise<void> {
  await run(sql, [numberArray(ids)]);
}
