import { type QueueSql, statement } from "./statement.ts";

/** $1 a queueing lock. */
const run = statement(
  "find_waiting_job",
  (t) => `select (select id::text from ${t.jobs} where queueing_key = $1::text) as id`,
);

/** The id of the job that waits under a queueing lock. */
export async function findWaitingJob(sql: QueueSql, queueingLock: string): Promise<bigint | undefined> {
  const row = await run<{ id: string | null }>(sql, [queueingLock]);
  return row.id === null ? undefined : BigInt(row.id);
}
