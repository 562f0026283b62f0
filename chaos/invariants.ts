import type { JobStatus } from "procrastinate";
import { behavioursThat } from "./behaviours.ts";
import { type Casualty, PAUSED_QUEUE } from "./crew.ts";
import type { Pause } from "./steering.ts";

/** Until all workers have heard that a queue is paused. */
const HEARD_MS = 1000;

/**
 * What can be wrong, each as a query for the jobs of which it is so. A run that completes its job in a transaction is
 * over with that, whatever its handler does afterwards.
 */
export const INVARIANTS = {
  lost: `
    select d.job_id from chaos_deferred d left join procrastinate_jobs j on j.id = d.job_id
    where coalesce(j.status, 'todo') in ('todo', 'doing')`,
  "lost though the commit was confirmed": `
    select id::bigint as job_id from jsonb_array_elements_text($1::text::jsonb) id
    where not exists (select 1 from chaos_deferred d where d.job_id = id::bigint)`,
  "there though rolled back": `
    select id as job_id from procrastinate_jobs j where not exists (select 1 from chaos_deferred d where d.job_id = j.id)
      and not exists (select 1 from procrastinate_periodic_defers t where t.job_id = j.id)
    union select job_id from chaos_runs r where not exists (select 1 from chaos_deferred d where d.job_id = r.job_id)`,
  "done twice though completed in the transaction": `
    select d.job_id from chaos_deferred d join procrastinate_jobs j on j.id = d.job_id
    join (select job_id, count(*) as n from chaos_effects group by job_id) e on e.job_id = d.job_id
    where e.n > case when j.status = 'succeeded' then 1 else 0 end`,
  "succeeded without its effect": `
    select d.job_id from chaos_deferred d join procrastinate_jobs j on j.id = d.job_id and j.status = 'succeeded'
    where case when d.behaviour in (select jsonb_array_elements_text($4::text::jsonb)) then not exists (select 1 from chaos_effects e where e.job_id = d.job_id)
               else not exists (select 1 from chaos_runs r where r.job_id = d.job_id and r.ended_at is not null) end`,
  "ended otherwise than its handler": `
    select d.job_id from chaos_deferred d join procrastinate_jobs j on j.id = d.job_id
    where j.status not in ('todo', 'doing')
      and (j.status = 'succeeded') = (d.behaviour in (select jsonb_array_elements_text($2::text::jsonb)))
      and not (j.status in ('cancelled', 'aborted') and d.behaviour in (select jsonb_array_elements_text($5::text::jsonb)))`,
  "not what was confirmed": `
    select j.id as job_id from jsonb_each($6::text::jsonb) e join procrastinate_jobs j on j.id = e.key::bigint
    where not e.value ? j.status::text`,
  "started though it was cancelled": `
    select r.job_id from chaos_runs r join procrastinate_jobs j on j.id = r.job_id
    where j.status = 'cancelled' and r.started_at > j.finished_at
      and not exists (select 1 from chaos_casualties c where c.worker in (r.worker, '*') and r.started_at between c.since and c.until)`,
  "started while its queue was paused": `
    select j.id as job_id from jsonb_array_elements($7::text::jsonb) p
    join procrastinate_jobs j on j.queue_name = p->>'queue'
      and extract(epoch from j.started_at) * 1000 between (p->>'sinceMs')::float8 and (p->>'untilMs')::float8`,
  "for a tick that has none, or two": `
    select coalesce(d.job_id, 0) as job_id from procrastinate_periodic_defers d
    where 1 <> (select count(*) from procrastinate_jobs j where j.task_name = 'tick' and (j.args->>'at')::bigint = d.defer_timestamp)`,
  "after a tick that was left out": `
    select job_id from (
      select d.*, lag(defer_timestamp) over (order by defer_timestamp) as former from procrastinate_periodic_defers d) t
    where t.defer_timestamp <> t.former + 1`,
  "run again without a reason": `
    select r.job_id from (
      select *, lead(started_at) over jobs as next_at, lead(worker) over jobs as next_worker
      from chaos_runs window jobs as (partition by job_id order by started_at)) r
    where r.next_at is not null
      and not exists (select 1 from chaos_casualties c
        where (c.worker in (r.worker, '*') and c.since <= r.next_at and c.until >= r.started_at)
          or (c.worker = r.next_worker and c.since <= r.next_at and c.until >= r.next_at))
      and not exists (select 1 from procrastinate_events e where e.job_id = r.job_id and e.type = 'deferred_for_retry'
        and e.at >= r.started_at - interval '1 second' and e.at <= r.next_at)`,
  "two at once under one lock": `
    with ended as (
      select r.*, least(coalesce(r.ended_at, 'infinity'), case when e.run is not null then j.finished_at end, (select min(c.since) from chaos_casualties c
        where c.ends_runs and c.worker = r.worker and c.until >= r.started_at)) as over_at
      from chaos_runs r join chaos_deferred d using (job_id) join procrastinate_jobs j on j.id = r.job_id
      left join chaos_effects e on e.run = r.run
      where r.lock is not null and d.behaviour not in (select jsonb_array_elements_text($3::text::jsonb))
    )
    select job_id from (select e.*, max(over_at) over (
      partition by lock order by started_at rows between unbounded preceding and 1 preceding) as last_over from ended e) l
    where l.started_at < l.last_over`,
  // Jobs of one lane may begin in the same microsecond.
  "out of order within its lock": `
    select job_id from (
      select f.*, lag(job_id) over (partition by lock order by first_at, job_id) as former from (
        select job_id, lock, min(started_at) as first_at from chaos_runs where lock is not null group by 1, 2) f) o
    where o.former > o.job_id`,
  "started before its time": `
    select r.job_id from (select job_id, max(started_at) as last_at from chaos_runs group by job_id) r
    join procrastinate_jobs j on j.id = r.job_id where r.last_at < j.scheduled_at`,
  "left by a living worker before it was over": `
    select r.job_id from chaos_runs r join chaos_deferred d on d.job_id = r.job_id
    where r.ended_at is null and d.behaviour not in (select jsonb_array_elements_text($3::text::jsonb))
      and not exists (select 1 from chaos_casualties c where c.ends_runs and c.worker = r.worker and c.until >= r.started_at)`,
} as const;

export type Invariant = keyof typeof INVARIANTS;

export interface Violation {
  readonly invariant: Invariant;
  readonly count: number;
  /** Some of the jobs. */
  readonly jobs: readonly string[];
  /** What is known of the first of them. */
  readonly story: string;
}

const STORY = `select concat_ws(E'\n    ',
  (select 'job ' || to_jsonb(j)::text from (select id, status, abort_requested, attempts, rescues, lease, lock, scheduled_at, started_at, finished_at
    from procrastinate_jobs where id = $1::bigint) j),
  (select string_agg('run ' || concat_ws(', ', r.worker, r.started_at::time, r.ended_at::time), E'\n    ' order by r.started_at)
    from chaos_runs r where r.job_id = $1::bigint),
  (select string_agg('event ' || concat_ws(', ', e.type, e.at::time, left(e.detail->>'message', 200)), E'\n    ' order by e.id)
    from procrastinate_events e where e.job_id = $1::bigint)) as story`;

type Query = (sql: string, values: readonly unknown[]) => Promise<readonly Record<string, unknown>[]>;

export interface Evidence {
  readonly acknowledged: readonly bigint[];
  readonly casualties: readonly Casualty[];
  readonly expected: ReadonlyMap<bigint, readonly JobStatus[]>;
  readonly pauses: readonly Pause[];
}

/** Looks for all that must not be, when everything is over. */
export async function findViolations(query: Query, evidence: Evidence): Promise<Violation[]> {
  await noteCasualties(query, evidence.casualties);
  await query("analyze", []);
  const lists = (["fails", "isEndless", "completes", "isSteered"] as const).map(behavioursThat);
  const expected = Object.fromEntries([...evidence.expected].map(([id, statuses]) => [String(id), statuses]));
  const pauses = evidence.pauses.map(({ sinceMs, untilMs }) => ({
    queue: PAUSED_QUEUE,
    sinceMs: sinceMs + HEARD_MS,
    untilMs,
  }));
  const values = [evidence.acknowledged.map(String), ...lists, expected, pauses].map((value) => JSON.stringify(value));
  const violations: Violation[] = [];
  for (const [invariant, sql] of Object.entries(INVARIANTS) as [Invariant, string][]) {
    const used = values.map((_, n) => `$${n + 1}::text`).join(", ");
    const found = `select count(*)::int as count, (array_agg(v.job_id::text order by v.job_id))[1:5] as jobs
      from (${sql}) v where row(${used}) is not null`;
    const [row] = await query(found, values);
    const { count, jobs } = row as { count: number; jobs: string[] | null };
    if (count === 0) continue;
    const [told] = await query(STORY, [jobs?.[0]]);
    violations.push({ invariant, count, jobs: jobs ?? [], story: String(told?.["story"]) });
  }
  return violations;
}

async function noteCasualties(query: Query, casualties: readonly Casualty[]): Promise<void> {
  const rows = casualties.map(({ worker, sinceMs, untilMs, endsRuns }) => ({
    worker,
    since: sinceMs / 1000,
    until: Number.isFinite(untilMs) ? untilMs / 1000 : null,
    ends_runs: endsRuns,
  }));
  await query(
    `insert into chaos_casualties (worker, since, until, ends_runs)
     select c.worker, to_timestamp(c.since), coalesce(to_timestamp(c.until), 'infinity'), c.ends_runs
     from jsonb_to_recordset($1::text::jsonb) as c(worker text, since float8, until float8, ends_runs boolean)`,
    [JSON.stringify(rows)],
  );
}
