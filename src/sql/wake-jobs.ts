import type { Job } from "../job.ts";
import { CLAIM, IS_SPECIAL, nextWakeMs } from "./fetch-jobs.ts";
import { CLAIMED_JOB, claimedJobs, parseClaimedJobs } from "./job-row.ts";
import { type QueueSql, statement, TOOK_MS, textArray, UNFLUSHED } from "./statement.ts";

/**
 * $1 how many at most, $2 from when on what became due, in milliseconds since 1970; null is for ever. $3 worker, which
 * claims $4 of them at most: of the queues $5, null for all, but not $6, and only what comes before the priority $7 and
 * the id $8, null for all.
 *
 * Brings jobs whose time has come back into the fetch index. Those that would be claimed next in any case are claimed
 * at once: one write less for each, and none is then found behind others that were deferred after it. Not those with
 * locks or large arguments, which the fetch knows how to claim, and nothing that goes behind one of them.
 *
 * Without waiting for the flush, as in fetch_jobs: what a crash of Postgres takes back is due again.
 */
const run = statement(
  "wake_jobs",
  (t) => `
with due as materialized (
  select j.ctid as tid, j.id, j.priority, j.wake_at,
         ($5::text::text[] is null or j.queue_name = any($5::text::text[])) and j.queue_name <> all($6::text::text[]) as ours,
         j.status = 'todo' and not (${IS_SPECIAL})
           and ($7::int is null or j.priority > $7::int or j.priority = $7::int and j.id <= $8::text::bigint) as plain
  from ${t.jobs} j
  where not j.ready and j.wake_at is not null and j.wake_at <= now()
    and j.wake_at >= coalesce(to_timestamp($2::float8 / 1000), '-infinity')
  order by j.wake_at limit (select $1::int) for no key update skip locked
), direct as materialized (
  select o.tid from (
    select d.tid, d.priority, d.id, bool_and(d.plain) over (order by d.priority desc, d.id) as first from due d where d.ours
  ) o where o.first order by o.priority desc, o.id limit (select $4::int)
), claimed as (
  update ${t.jobs} j set ${CLAIM}, worker_id = $3::text::bigint, ready = true, wake_at = null
  where j.ctid = any(array(select c.tid from direct c))
  returning ${CLAIMED_JOB}
), woken as (
  update ${t.jobs} j set ready = true, wake_at = null
  where j.ctid = any(array(select d.tid from due d except all select c.tid from direct c))
  returning j.queue_name
)
select ${claimedJobs(`'{""}'::text[]`)} as jobs,
       (select count(*)::int from woken) as woken, (select json_agg(distinct w.queue_name)::text from woken w) as queues,
       (select extract(epoch from case when count(*) < $1::int then now() else max(d.wake_at) end)::float8 * 1000 from due d) as "seenMs",
       ${nextWakeMs(t, "now()")} as "nextWakeMs", ${UNFLUSHED}, ${TOOK_MS}`,
);

export interface WakeRequest {
  /** Wake or claim at most this many. */
  readonly limit: number;
  /** Only jobs that became due from then on, in milliseconds since 1970. */
  readonly sinceMs?: number | undefined;
  readonly workerId: bigint;
  /** Which jobs may be claimed at once; none if undefined. */
  readonly claim?: DirectClaim | undefined;
}

/** Which due jobs nothing else goes before. */
export interface DirectClaim {
  readonly limit: number;
  /** Undefined for all. */
  readonly queues?: readonly string[] | undefined;
  readonly exceptQueues: readonly string[];
  /** Only those that come no later than this one in the order of a queue; undefined for all. */
  readonly upTo?: { readonly priority: number; readonly id: bigint } | undefined;
}

export interface WokenJobs {
  /** The claimed jobs, in the order in which they should run. */
  readonly jobs: readonly Job[];
  /** The length of their JSON text. */
  readonly textLength: number;
  /** How many are ready now. */
  readonly woken: number;
  /** And in which queues. */
  readonly queues: readonly string[];
  /** Up to when it has seen what became due, by the clock of the database: where it was full, the last job's time. */
  readonly seenMs: number;
  /** Milliseconds until the next scheduled job is due; undefined when none is scheduled. */
  readonly nextWakeMs: number | undefined;
  /** Milliseconds in Postgres. */
  readonly tookMs: number;
}

/** Claims due jobs, or makes them ready. */
export async function wakeJobs(sql: QueueSql, { limit, sinceMs, workerId, claim }: WakeRequest): Promise<WokenJobs> {
  const { queues, exceptQueues = [], upTo } = claim ?? {};
  const {
    jobs,
    queues: woken,
    nextWakeMs,
    ...row
  } = await run<Row>(sql, [
    limit,
    sinceMs ?? null,
    String(workerId),
    claim?.limit ?? 0,
    queues ? textArray(queues) : null,
    textArray(exceptQueues),
    upTo?.priority ?? null,
    upTo ? String(upTo.id) : null,
  ]);
  return {
    ...row,
    // No queue is the usual one, which cannot have an empty name.
    jobs: parseClaimedJobs(jobs, ""),
    textLength: jobs?.length ?? 0,
    queues: woken === null ? [] : (JSON.parse(woken) as string[]),
    nextWakeMs: nextWakeMs ?? undefined,
  };
}

interface Row extends Pick<WokenJobs, "woken" | "seenMs" | "tookMs"> {
  readonly jobs: string | null;
  readonly queues: string | null;
  readonly nextWakeMs: number | null;
}
