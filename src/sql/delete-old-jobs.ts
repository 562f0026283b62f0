import { type QueueSql, statement, type TableNames } from "./statement.ts";

/** Milliseconds for which a job of the row `j` is kept; null for ever. */
const KEPT_MS = `case j.status when 'succeeded' then $3::float8 when 'failed' then $4::float8
  when 'cancelled' then $5::float8 when 'aborted' then $6::float8 end`;

/** `coalesce`: without statistics the comparisons alone would be taken for one row in thousands. */
const IS_OLD = `coalesce(j.finished_at < now() - (${KEPT_MS}) * interval '1 millisecond', false)
  and coalesce(j.queue_name = $7::text, $7::text is null)`;

const lockKeys = (t: TableNames): string =>
  `hashtext('procrastinate retention'), hashtext('${t.channel.replaceAll("'", "''")}')`;

/**
 * $1 the id to begin after, $2 how many jobs to look at, $3 to $6 milliseconds for which a succeeded, failed, cancelled
 * and aborted job is kept after its end, null for ever, $7 a queue, null for all, $8 milliseconds before which a job
 * must have been deferred to be of interest, $9 whether to do nothing while another session is at it.
 *
 * No index has finished_at: it would be written for every job, for the sake of one look later. Ids are roughly in order
 * of deferring, and so the primary key leads from the oldest job on. A page on which all jobs are too young is the last
 * one: what comes after was deferred later still, and ended after that.
 *
 * What is locked is left for the next time. There are no foreign keys between the tables, so the events go here.
 */
const run = statement(
  "delete_old_jobs",
  (t) => `
with turn as materialized (
  select case when $9::boolean then pg_try_advisory_xact_lock(${lockKeys(t)}) else true end as mine
), page as materialized (
  select j.ctid as tid, j.id, ${IS_OLD} as is_old, j.deferred_at >= now() - $8::float8 * interval '1 millisecond' as is_young
  from ${t.jobs} j where j.id > $1::text::bigint and (select mine from turn) order by j.id limit (select $2::int)
), deleted as (
  delete from ${t.jobs} d where d.ctid = any(array(
    select j.ctid from ${t.jobs} j where j.ctid = any(array(select p.tid from page p where p.is_old)) and ${IS_OLD}
    order by j.id for update skip locked))
  returning d.id
), events as (
  delete from ${t.events} e where e.job_id = any(array(select d.id from deleted d))
)
select (select t.mine from turn t) as "isMine", (select count(*)::int from page) as seen, (select max(p.id)::text from page p where not p.is_young) as last,
       (select count(*)::int from deleted) as deleted, (select count(*)::int from page p where p.is_old) as old,
       (select bool_and(p.is_young) from page p) as "isYoung"`,
);

/** How long jobs are kept after their end, in milliseconds; null for ever. */
export interface KeptMs {
  readonly succeeded: number | null;
  readonly failed: number | null;
  readonly cancelled: number | null;
  readonly aborted: number | null;
}

export interface OldJobsRequest {
  /** Look at jobs with higher ids. */
  readonly after: bigint;
  readonly limit: number;
  readonly keptMs: KeptMs;
  /** Undefined for all. */
  readonly queue?: string | undefined;
  /** Do nothing while another session deletes old jobs. */
  readonly exclusive: boolean;
}

export interface OldJobsPage {
  /** Another session is at it; nothing was looked at. */
  readonly isBusy: boolean;
  /** How many jobs were looked at, the old ones and the others. */
  readonly seen: number;
  readonly deleted: number;
  /** How many of them are old and were left, as somebody has them locked. */
  readonly locked: number;
  /** The highest id that was looked at and deferred long enough ago. */
  readonly last: bigint | undefined;
  /** No job that was looked at, and so none with a higher id, was deferred long enough ago. */
  readonly isYoung: boolean;
}

/** Looks at some jobs by their ids and deletes those that are old. */
export async function deleteOldJobs(sql: QueueSql, request: OldJobsRequest): Promise<OldJobsPage> {
  const { after, limit, keptMs, queue, exclusive } = request;
  const { succeeded, failed, cancelled, aborted } = keptMs;
  const kept = [succeeded, failed, cancelled, aborted];
  const youngest = Math.min(...kept.filter((ms) => ms !== null));
  const row = await run<Row>(sql, [
    ...[String(after), limit, ...kept, queue ?? null],
    ...[Number.isFinite(youngest) ? youngest : 0, exclusive],
  ]);
  const { isMine, seen, deleted, old, last, isYoung } = row;
  const locked = old - deleted;
  return {
    isBusy: !isMine,
    seen,
    deleted,
    locked,
    last: last === null ? undefined : BigInt(last),
    isYoung: isYoung === true,
  };
}

interface Row {
  readonly isMine: boolean;
  readonly seen: number;
  readonly deleted: number;
  readonly old: number;
  readonly last: string | null;
  readonly isYoung: boolean | null;
}
