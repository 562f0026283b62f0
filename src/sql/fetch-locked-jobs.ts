import {
  CLAIM,
  candidates,
  type Fetched,
  type FetchRequest,
  IS_LARGE,
  nextWakeMs,
  perQueue,
  placesOf,
  RECENTLY,
} from "./fetch-jobs.ts";
import { CLAIMED_JOB, claimedJobs, isInLine, parseClaimedJobs } from "./job-row.ts";
import { type QueueSql, statement, type TableNames, TOOK_MS, textArray } from "./statement.ts";

/**
 * A claim ends with the job that reaches this many bytes of arguments: they travel as one text, which has limits in
 * Postgres and in JavaScript, and wait in memory. Lanes may take as much again.
 */
const MAX_BYTES = 32 * 1024 * 1024;
const SIZE = `case when ${IS_LARGE} then octet_length(j.args::text) else 0 end as size`;

/**
 * The head of each lock among the candidates, where nobody runs under that lock.
 *
 * Heads are compared by ctid, the version of the row in this statement's snapshot, and not by id: a row that changed
 * between the snapshot and its row lock comes back from `for update` with its new ctid, which the update's Tid Scan
 * does not see. By id such a head would count and its followers would run without it.
 */
function heads(t: TableNames): string {
  return `
  select l.lock, h.tid as head
  from (select distinct c.lock from cand c where c.lock is not null) l
  cross join lateral (
    select * from (
      select o.ctid as tid from ${t.jobs} o
      where o.lock = l.lock and o.finished_at is null and ${isInLine("o")}
      order by o.priority desc, o.id
      limit (select 1)
    ) y limit 1
  ) h
  where not exists (select 1 from ${t.jobs} r where r.running_lock = l.lock)`;
}

/**
 * Followers that a head takes with it, in order; `ok` until the first that is not due or in another queue.
 *
 * All heads share what the claim has room for beyond its candidates, so that there is none when many locks wait. The
 * first heads then take $7 followers of their own priority in place of other heads: a lane of eight costs little more
 * than one job.
 */
function followers(t: TableNames): string {
  return `
  select r.head, f.tid, f.id, f.lock, f.place, f.ok and (f.place <= r.share or f.priority = r.priority) as ok
  from (
    select r.*, greatest(share, case when r.place <= $3::int / ($7::int + 1) then $7::int end) as most from (
      select c.head, c.id, c.lock, c.priority, row_number() over (order by c.head) as place,
             greatest(0, ($3::int - (select count(*) from could)) / count(*) over ()) as share
      from could c where c.lock is not null
    ) r
  ) r
  cross join lateral (
    select o.tid, o.id, o.lock, o.priority, row_number() over w as place,
           bool_and(o.due and o.queue_name = any($1::text::text[])) over w
             and sum(o.size) over w <= ${MAX_BYTES} / (select greatest(1, count(*)) from could where lock is not null) as ok
    from (select * from (
        select j.ctid as tid, j.id, j.lock, j.priority, j.queue_name, j.scheduled_at is null or j.scheduled_at <= now() as due,
               ${SIZE}
        from ${t.jobs} j
        where j.lock = r.lock and j.finished_at is null and ${isInLine("j")} and j.id <> r.id
        order by j.priority desc, j.id
        limit (select least($6::int, r.most))
      ) o2 limit 1000) o
    window w as (order by o.priority desc, o.id)
  ) f
  where $6::int > 0 and r.most > 0`;
}

/**
 * Takes the candidates that cannot run out of the fetch index. Not what waits for a head beyond the last that is claimed:
 * the next claims begin with that head, and may take it along. Nor, in a claim that found enough, what waits for one that
 * is claimed: the next lanes are made of it, and taking it out would cost as much as claiming it.
 */
function setAside(t: TableNames): string {
  return `
  update ${t.jobs} j set ready = false,
         wake_at = case when j.scheduled_at > now() and (j.lock is null or j.mutex or j.ctid in (select h.head from heads h)) then j.scheduled_at end
  where j.ctid = any(array(
    select v.tid from verdicts v
    where v.verdict <> 'run' and not coalesce(v.lock in (
      select c.lock from could c where c.lock is not null
        and (c.head > (select max(r.head) from run r) or (select count(*) from run) > $3::int / 2)
    ), false)
    except all select r.tid from run r where r.place > 0
  ))
  returning j.lock, j.wake_at`;
}

/**
 * $1 queues, $2 rows per queue, $3 claim at most, $4 worker, $5 rows to look at, $6 followers per head at most, $7 those
 * that the first heads take however many heads there are; with fronts $8 their priorities, $9 their ids.
 *
 * Gives each candidate a verdict: run; `later`, not due; `wait`, its lock is busy or another job is the lock's head.
 * Claims the first kind and sets the others aside, out of the fetch index: what cannot run now must not be looked at
 * again and again. A job that is not due comes back at its time, if it is the head or `mutex`; one that waits when its
 * lock is released (promote).
 *
 * - Claim and set-aside are two updates of disjoint rows by ctid: no join whose plan could flip.
 * - `tid in (…)` inside an expression is hashed; as a bare condition it becomes a quadratic semi-join.
 * - A head and its followers are peers in the window that counts the jobs: a lane is claimed as a whole, or not.
 * - The members of a lane run one after the other; the last one holds `running_lock`, so that they can finish in any
 *   batches and the last releases the lock.
 */
const sqlOf = (fronts?: readonly [string, string]) => (t: TableNames) =>
  `
with cand as materialized (${candidates(t, `j.lock, j.scheduled_at, ${SIZE}`, { perQueue: "$2", total: "$5", fronts })}
), heads as materialized (${heads(t)}
), verdicts as materialized (
  select c.tid, c.id, c.priority, c.lock, c.size,
         case when c.lock is not null and not (c.tid in (select h.head from heads h)) then 'wait'
              when c.scheduled_at > now() then 'later' else 'run' end as verdict
  from cand c
), could as materialized (
  select v.head, v.tid, v.id, v.lock, v.priority from (
    select v.*, row_number() over w as head, sum(v.size) over w - v.size as before
    from verdicts v where v.verdict = 'run' window w as (order by v.priority desc, v.id)
  ) v where v.before < ${MAX_BYTES} order by v.head limit (select $3::int)
), behind as materialized (${followers(t)}
), got as materialized (
  select o.ctid as tid from ${t.jobs} o where o.ctid = any(array(select tid from behind where ok)) and o.status = 'todo'
  for no key update skip locked
), lanes as materialized (
  select x.* from (
    select b.head, b.tid, b.id, b.lock, b.place,
           bool_and(b.ok and b.tid in (select g.tid from got g)) over (partition by b.lock order by b.place) as gapless
    from behind b
  ) x where x.gapless
), run as materialized (
  select x.* from (
    select m.*, count(*) over (order by m.head) as jobs from (
      select c.head, c.tid, c.id, c.lock, 0 as place from could c
      union all select l.head, l.tid, l.id, l.lock, l.place from lanes l
    ) m
  ) x where x.jobs <= $3::int
), owner as materialized (
  select distinct on (r.lock) r.id from run r where r.lock is not null order by r.lock, r.place desc
), claimed as (
  update ${t.jobs} j set ${CLAIM}, worker_id = $4::text::bigint,
         running_lock = case when j.lock is not null and j.id in (select o.id from owner o) then j.lock end
  where j.ctid = any(array(select r.tid from run r))
  returning ${CLAIMED_JOB}
), aside as (${setAside(t)}
)
select ${claimedJobs("$1::text::text[]")} as jobs,
       (select count(*)::int from cand) as seen,
       (select count(*)::int from aside) as aside,
       (select json_agg(distinct a.lock)::text from aside a where a.wake_at is null) as "waitingLocks",
       (select least(${nextWakeMs(t, fronts && RECENTLY)}, min(extract(epoch from a.wake_at - now())::float8 * 1000)) from aside a) as "nextWakeMs", ${TOOK_MS}`;
const run = statement("fetch_locked_jobs", sqlOf());
const runFrom = statement("fetch_locked_jobs_from", sqlOf(["$8", "$9"]));

interface Row {
  readonly jobs: string | null;
  readonly seen: number;
  readonly aside: number;
  readonly waitingLocks: string | null;
  readonly nextWakeMs: number | null;
  readonly tookMs: number;
}

export interface LockedFetchRequest extends FetchRequest {
  /** Rows to look at: more than `limit` finds runnable jobs behind many that are not. */
  readonly window: number;
  /** How many followers the head of a lock takes along at most. */
  readonly followers: number;
  /** How many of them the first heads take in place of other heads, however many these are. */
  readonly ownFollowers: number;
}

export interface LockedFetched extends Fetched {
  /** Rows that cannot run now and left the fetch index. */
  readonly aside: number;
  /** Locks that jobs were set aside for: promote these at once, their release may have crossed this statement. */
  readonly waitingLocks: readonly string[];
}

/** Claims the next jobs with regard to locks and schedules. */
export async function fetchLockedJobs(sql: QueueSql, request: LockedFetchRequest): Promise<LockedFetched> {
  const { limit, workerId, window, followers, ownFollowers, fronts } = request;
  const { names, values } = placesOf(request);
  const fetch = fronts ? runFrom : run;
  const row = await fetch<Row>(sql, [
    textArray(names),
    perQueue(window, names.length),
    limit,
    String(workerId),
    window,
    followers,
    ownFollowers,
    ...values,
  ]);
  return {
    jobs: parseClaimedJobs(row.jobs, names[0]),
    textLength: row.jobs?.length ?? 0,
    seen: row.seen,
    aside: row.aside,
    waitingLocks: row.waitingLocks === null ? [] : (JSON.parse(row.waitingLocks) as string[]),
    nextWakeMs: row.nextWakeMs ?? undefined,
    tookMs: row.tookMs,
  };
}
