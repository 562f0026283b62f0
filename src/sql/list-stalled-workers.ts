import { type QueueSql, statement } from "./statement.ts";

/** $1 milliseconds without a heartbeat, $2 the worker that asks. */
const run = statement(
  "list_stalled_workers",
  (t) => `
with others as materialized (
  select w.id, extract(epoch from w.last_heartbeat - now())::float8 * 1000 + $1::float8 as left_ms
  from ${t.workers} w where w.id <> $2::text::bigint
)
select (select json_agg(id::text)::text from others where left_ms < 0) as ids,
       (select min(left_ms) from others where left_ms >= 0) as "nextMs"`,
);

export interface StalledWorkers {
  /** The workers that gave no sign of life for that long. */
  readonly ids: readonly bigint[];
  /** When the next one would be stalled if it gives none; undefined when there is no other. */
  readonly nextMs: number | undefined;
}

/** Finds the workers that are taken for dead. */
export async function listStalledWorkers(
  sql: QueueSql,
  stalledAfterMs: number,
  workerId: bigint,
): Promise<StalledWorkers> {
  const row = await run<{ ids: string | null; nextMs: number | null }>(sql, [stalledAfterMs, String(workerId)]);
  return {
    ids: row.ids === null ? [] : (JSON.parse(row.ids) as string[]).map(BigInt),
    nextMs: row.nextMs ?? undefined,
  };
}
