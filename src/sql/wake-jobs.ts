import { nextWakeMs } from "./fetch-jobs.ts";
import { type QueueSql, statement, TOOK_MS, UNFLUSHED } from "./statement.ts";

/**
 * $1 how many at most, $2 from when on what became due, in milliseconds since 1970; null is for ever. Brings jobs whose
 * time has come back into the fetch index. Without waiting for the flush: who claims them commits after it.
 */
const run = statement(
  "wake_jobs",
  (t) => `
with due as materialized (
  select w.ctid as tid, w.wake_at from ${t.jobs} w
  where not w.ready and w.wake_at is not null and w.wake_at <= now()
    and w.wake_at >= coalesce(to_timestamp($2::float8 / 1000), '-infinity')
  order by w.wake_at limit (select $1::int) for no key update skip locked
), woken as (
  update ${t.jobs} j set ready = true, wake_at = null
  where j.ctid = any(array(select d.tid from due d))
  returning j.queue_name
)
select (select count(*)::int from woken) as woken, (select json_agg(distinct w.queue_name)::text from woken w) as queues,
       (select extract(epoch from case when count(*) < $1::int then now() else max(d.wake_at) end)::float8 * 1000 from due d) as "seenMs",
       ${nextWakeMs(t, "now()")} as "nextWakeMs", ${UNFLUSHED}, ${TOOK_MS}`,
);

export interface WokenJobs {
  readonly woken: number;
  readonly queues: readonly string[];
  /** Up to when it has seen what became due, by the clock of the database: where it was full, the last job's time. */
  readonly seenMs: number;
  /** Milliseconds until the next scheduled job is due; undefined when none is scheduled. */
  readonly nextWakeMs: number | undefined;
  /** Milliseconds in Postgres. */
  readonly tookMs: number;
}

/** Makes due jobs ready. @param sinceMs Only those that became due from then on, in milliseconds since 1970. */
export async function wakeJobs(sql: QueueSql, limit: number, sinceMs?: number): Promise<WokenJobs> {
  const { queues, nextWakeMs, ...row } = await run<Row>(sql, [limit, sinceMs ?? null]);
  return {
    ...row,
    queues: queues === null ? [] : (JSON.parse(queues) as string[]),
    nextWakeMs: nextWakeMs ?? undefined,
  };
}

interface Row extends Omit<WokenJobs, "queues" | "nextWakeMs"> {
  readonly queues: string | null;
  readonly nextWakeMs: number | null;
}
