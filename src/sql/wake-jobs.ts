import { nextWakeMs } from "./fetch-jobs.ts";
import { type QueueSql, statement, TOOK_MS } from "./statement.ts";

/** $1 how many at most, $2 only those that became due in the last milliseconds; null for all. Brings jobs whose time has come back into the fetch index. */
const run = statement(
  "wake_jobs",
  (t) => `
with woken as (
  update ${t.jobs} j set ready = true, wake_at = null
  where j.ctid = any(array(
    select w.ctid from ${t.jobs} w
    where not w.ready and w.wake_at is not null and w.wake_at <= now()
      and w.wake_at >= coalesce(now() - $2::float8 * interval '1 millisecond', '-infinity')
    order by w.wake_at limit (select $1::int) for no key update skip locked))
  returning j.queue_name
)
select (select count(*)::int from woken) as woken, (select json_agg(distinct w.queue_name)::text from woken w) as queues,
       ${nextWakeMs(t, "now()")} as "nextWakeMs", ${TOOK_MS}`,
);

export interface WokenJobs {
  readonly woken: number;
  readonly queues: readonly string[];
  /** Milliseconds until the next scheduled job is due; undefined when none is scheduled. */
  readonly nextWakeMs: number | undefined;
  /** Milliseconds in Postgres. */
  readonly tookMs: number;
}

/** Makes due jobs ready. @param withinMs Only those that became due in so many milliseconds. */
export async function wakeJobs(sql: QueueSql, limit: number, withinMs?: number): Promise<WokenJobs> {
  const row = await run<{ woken: number; queues: string | null; nextWakeMs: number | null; tookMs: number }>(sql, [
    limit,
    withinMs ?? null,
  ]);
  const queues = row.queues === null ? [] : (JSON.parse(row.queues) as string[]);
  return { woken: row.woken, queues, nextWakeMs: row.nextWakeMs ?? undefined, tookMs: row.tookMs };
}
