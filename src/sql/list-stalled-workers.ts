import { type QueueSql, statement } from "./statement.ts";

/** $1 milliseconds without a heartbeat. */
const run = statement(
  "list_stalled_workers",
  (t) => `select (select json_agg(w.id::text)::text from ${t.workers} w
  where w.last_heartbeat < now() - $1::float8 * interval '1 millisecond') as ids`,
);

/** The workers that gave no sign of life for that long. */
export async function listStalledWorkers(sql: QueueSql, stalledAfterMs: number): Promise<bigint[]> {
  const row = await run<{ ids: string | null }>(sql, [stalledAfterMs]);
  return row.ids === null ? [] : (JSON.parse(row.ids) as string[]).map(BigInt);
}
