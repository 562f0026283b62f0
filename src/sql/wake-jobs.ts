import { nextWakeMs } from "./fetch-jobs.ts";
import { type QueueSql, statement } from "./statement.ts";

/** $1 how many at most. Brings jobs whose time has come back into the fetch index. */
const run = statement(
  "wake_jobs",
  (t) => `
with woken as (
  update ${t.jobs} j set ready = true, wake_at = null
  where j.ctid = any(array(
    select w.ctid from ${t.jobs} w
    where not w.ready and w.wake_at is not null and w.wake_at <= now()
    order by w.wake_at limit (select $1::int) for no key update skip locked))
  returning j.queue_name
)
select (select count(*)::int from woken) as woken, (select json_agg(distinct w.queue_name)::text from woken w) as queues,
       ${nextWakeMs(t).replace("w.wake_at < 'infinity'", "w.wake_at < 'infinity' and w.wake_at > now()")} as "nextWakeMs"`,
);

export interface WokenJobs {
  readonly woken: number;
  readonly queues: readonly string[];
  /** Milliseconds until the next scheduled job is due; undefined when none is scheduled. */
  readonly nextWakeMs: number | undefined;
}

/** Makes due jobs ready. */
export async function wakeJobs(sql: QueueSql, limit: number): Promise<WokenJobs> {
  const row = await run<{ woken: number; queues: string | null; nextWakeMs: number | null }>(sql, [limit]);
  const queues = row.queues === null ? [] : (JSON.parse(row.queues) as string[]);
  return { woken: row.woken, queues, nextWakeMs: row.nextWakeMs ?? undefined };
}
