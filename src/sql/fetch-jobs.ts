import type { Job } from "../job.ts";
import { CLAIMED_JOB, claimedJobs, parseClaimedJobs } from "./job-row.ts";
import { numberArray, type QueueSql, statement, type TableNames, TOOK_MS, textArray, UNFLUSHED } from "./statement.ts";

export interface FetchRequest {
  readonly workerId: bigint;
  readonly queues: readonly string[];
  /** Claim at most this many jobs. */
  readonly limit: number;
  /** Look only at these, one or more, and so past what stands before them; undefined for all jobs of the queues. */
  readonly fronts?: readonly QueueFront[] | undefined;
}

/** The jobs of a queue and priority, from an id on. */
export interface QueueFront {
  readonly queue: string;
  readonly priority: number;
  readonly id: bigint;
}

export interface Fetched {
  /** The claimed jobs, in the order in which they should run. */
  readonly jobs: readonly Job[];
  /** The length of their JSON text. */
  readonly textLength: number;
  /** How many ready rows were looked at. */
  readonly seen: number;
  /** Milliseconds until the next scheduled job is due; undefined when none is scheduled. */
  readonly nextWakeMs: number | undefined;
  /** Milliseconds in Postgres. */
  readonly tookMs: number;
}

/**
 * The candidates of a fetch: the first ready rows of each queue, locked, merged by priority, then id.
 *
 * - `limit (select $n)` hides the number from the planner, which then assumes 10 % of the rows and prefers the ordered
 *   index to a bitmap and a sort; with `limit $n` a table of 300,000 rows without statistics costs 90 ms a fetch.
 * - `coalesce(status = 'todo', false)` has a selectivity of 0.5 without statistics, a bare comparison 0.005: at 60,000
 *   rows the estimate would be one row, and bitmap and sort come back.
 * - The outer limit, which the planner sees, keeps the estimated cost below jit_above_cost: compiling takes longer than
 *   the statement. A constant of 1,000 would not: for 64 queues of 20,000 jobs each fetch was compiled for 15 to 58 ms.
 * - `no key update` is the lock that the claim takes anyway.
 *
 * With the numbers of two more parameters, the priorities and ids of fronts, $1 is the queues of these: each is then an
 * equality and a bound, so that the scan begins behind whatever stands before. The bounds that say nothing new make the
 * planner expect few rows: expecting many, it would read the primary key from that id on, past all that is finished.
 */
export function candidates(t: TableNames, columns: string, at: CandidateParameters): string {
  const { perQueue, total, fronts } = at;
  const [source, from] = fronts
    ? [
        `unnest($1::text::text[], ${fronts[0]}::text::int[], ${fronts[1]}::text::bigint[]) q(name, priority, id)`,
        `and j.priority = q.priority and j.id >= q.id
        and j.queue_name between q.name and q.name and j.priority between q.priority and q.priority`,
      ]
    : ["unnest($1::text::text[]) q(name)", ""];
  return `
  select x.* from ${source}
  cross join lateral (
    select * from (
      select j.ctid as tid, j.id, j.priority, ${columns} from ${t.jobs} j
      where j.queue_name = q.name and j.ready and coalesce(j.status = 'todo', false) ${from}
      order by j.priority desc, j.id
      limit (select ${perQueue}::int)
      for no key update skip locked
    ) y limit ${perQueue}::int
  ) x
  order by x.priority desc, x.id
  limit (select ${total}::int)`;
}

export interface CandidateParameters {
  readonly perQueue: string;
  readonly total: string;
  readonly fronts?: readonly [priorities: string, ids: string] | undefined;
}

/** The values of a fetch's first parameter and of its last two, if it has fronts. */
export function placesOf({ queues, fronts }: FetchRequest) {
  if (!fronts) return { names: queues, values: [] };
  const values = [numberArray(fronts.map(({ priority }) => priority)), numberArray(fronts.map(({ id }) => id))];
  return { names: fronts.map(({ queue }) => queue), values };
}

/** Arguments that may be large: stored out of line or compressed. Asking costs nothing, their real size does. */
export const IS_LARGE = "(pg_column_size(j.args) > 2000 or pg_column_compression(j.args) is not null)";

/** What the light statements do not claim. */
export const IS_SPECIAL = `j.lock is not null or coalesce(j.scheduled_at > now(), false) or ${IS_LARGE}`;

/** Changes no column that an index or an index predicate names: a heap-only update, twice as fast. */
export const CLAIM = `status = 'doing', lease = j.lease + 1, started_at = now(), queueing_key = null`;

/** What was due earlier than this and still waits is found by the scans that begin at the front of the index. */
export const RECENTLY = "now() - interval '2 seconds'";

export function nextWakeMs(t: TableNames, since?: string): string {
  return `(select greatest(extract(epoch from w.wake_at - now())::float8 * 1000, 0) from ${t.jobs} w
    where not w.ready and w.wake_at is not null and w.wake_at < 'infinity'${since ? ` and w.wake_at > ${since}` : ""} order by w.wake_at limit 1)`;
}

/**
 * $1 queues, $2 rows per queue, $3 rows in all, $4 worker; with fronts $5 their priorities, $6 their ids.
 *
 * The light statement, for queues where nobody uses locks: planning the whole one takes 1-2 ms. It claims nothing as
 * soon as one candidate has a lock, is not due or is large, and says so.
 *
 * It does not wait for its commit to be flushed: what a crash of Postgres takes back is at most that these jobs were
 * claimed, so that they run again, which the fence keeps from being recorded twice. Measured: 15 to 40 % more jobs per
 * second. Jobs with locks are claimed by the other statement, which does wait: two of one lock must never run at once.
 */
const sqlOf = (fronts?: readonly [string, string]) => (t: TableNames) =>
  `
with cand as materialized (${candidates(t, `${IS_SPECIAL} as special`, { perQueue: "$2", total: "$3", fronts })}
), claimed as (
  update ${t.jobs} j set ${CLAIM}, worker_id = $4::text::bigint
  where j.ctid = any(array(select c.tid from cand c where not (select coalesce(bool_or(special), false) from cand)))
  returning ${CLAIMED_JOB}
)
select ${claimedJobs("$1::text::text[]")} as jobs,
       (select count(*)::int from cand) as seen,
       (select coalesce(bool_or(special), false) from cand) as special,
       ${nextWakeMs(t, fronts && RECENTLY)} as "nextWakeMs", ${UNFLUSHED}, ${TOOK_MS}`;
const run = statement("fetch_jobs", sqlOf());
const runFrom = statement("fetch_jobs_from", sqlOf(["$5", "$6"]));

interface Row {
  readonly jobs: string | null;
  readonly seen: number;
  readonly special: boolean;
  readonly nextWakeMs: number | null;
  readonly tookMs: number;
}

/** Claims the next jobs; `special` says that it did not, because of locks, the future or large arguments: use fetchLockedJobs. */
export async function fetchJobs(sql: QueueSql, request: FetchRequest): Promise<Fetched & { special: boolean }> {
  const { limit, workerId, fronts } = request;
  const { names, values } = placesOf(request);
  const fetch = fronts ? runFrom : run;
  const row = await fetch<Row>(sql, [
    textArray(names),
    perQueue(limit, names.length),
    limit,
    String(workerId),
    ...values,
  ]);
  return {
    jobs: parseClaimedJobs(row.jobs, names[0]),
    textLength: row.jobs?.length ?? 0,
    seen: row.seen,
    special: row.special,
    nextWakeMs: row.nextWakeMs ?? undefined,
    tookMs: row.tookMs,
  };
}

/**
 * Every row that a fetch looks at is locked, so many queues must not each be looked at in full. Small fetches, those
 * of jobs that take time, keep the exact order over the queues; in large ones it may lag by one fetch.
 */
export function perQueue(limit: number, queues: number): number {
  const EXACT = 64;
  return Math.min(limit, Math.max(EXACT, Math.ceil((2 * limit) / Math.max(queues, 1))));
}
