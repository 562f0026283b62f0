import { followCommit } from "../retry-transient.ts";
import type { ChangedBatch } from "./changed-batch.ts";
import { numberArray, type QueueSql, statement } from "./statement.ts";

/**
 * $1 ids of jobs. The list is hidden from the planner, which would count it and, without statistics, read the table from
 * end to end: 14 s for 500 ids among 100,000 events.
 */
const run = statement(
  "delete_events",
  (t) => `
with gone as (delete from ${t.events} where job_id = any((select $1::text::bigint[])::bigint[]) returning 1)
select count(*)::int as gone from gone`,
);

export async function deleteEvents(sql: QueueSql, jobIds: readonly bigint[]): Promise<void> {
  await run(sql, [numberArray(jobIds)]);
}

/**
 * Deletes the events of jobs that a statement deleted, once more: it did not see those that were written while it waited
 * for the rows of these jobs.
 */
export async function deleteEventsOf<Batch extends ChangedBatch<string>>(
  sql: QueueSql,
  batch: Batch,
  { inTransaction }: { readonly inTransaction: boolean },
): Promise<Batch> {
  const ids = batch.jobs.filter(([, , outcome]) => outcome === "deleted").map(([id]) => id);
  if (ids.length === 0) return batch;
  if (inTransaction) await deleteEvents(sql, ids);
  else await followCommit(() => deleteEvents(sql, ids));
  return batch;
}
