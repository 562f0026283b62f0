import { isInLine, notifyIdle } from "./job-row.ts";
import { type QueueSql, statement, type TableNames, textArray, UNFLUSHED } from "./statement.ts";

/**
 * $1 locks. Makes the head of each lock ready again, where it was set aside and nobody runs under the lock.
 *
 * A statement of its own, after the commit of whatever released the lock, and again after setting jobs aside: inside
 * the releasing transaction its snapshot could miss a job that a fetch is setting aside at that moment. Without waiting
 * for the flush: after a crash of Postgres the workers listen anew, and then sweep the locks.
 */
const run = statement(
  "promote_locks",
  (t) => `
with heads as materialized (
  select x.id, l.lock from (select distinct u.lock from unnest($1::text::text[]) u(lock)) l
  cross join lateral (
    select * from (
      select o.id, o.ready, o.wake_at from ${t.jobs} o
      where o.lock = l.lock and o.finished_at is null and ${isInLine("o")}
      order by o.priority desc, o.id
      limit (select 1)
    ) y limit 1
  ) x
  where not x.ready and x.wake_at is null and not exists (select 1 from ${t.jobs} r where r.running_lock = l.lock)
), free as materialized (
  select j.id from ${t.jobs} j where j.id = any(array(select id from heads)) for no key update skip locked
), promoted as (
  update ${t.jobs} j set ready = j.scheduled_at is null or j.scheduled_at <= now(),
         wake_at = case when j.scheduled_at > now() then j.scheduled_at end
  where j.id = any(array(select id from free)) and j.status = 'todo' and not j.ready and j.wake_at is null
  returning j.queue_name, j.wake_at
), changed as (
  select queue_name, case when wake_at is null then 0 else extract(epoch from wake_at - now())::float8 * 1000 end as delay_ms from promoted
), notified as materialized (${notifyIdle(t, "changed")})
select (select count(*)::int from promoted) as promoted,
       (select json_agg(h.lock)::text from heads h where h.id not in (select f.id from free f)) as held,
       (select sent::int from notified) as notified, ${UNFLUSHED}`,
);

export interface Promoted {
  readonly promoted: number;
  /** Locks whose next job is locked by another transaction: to be promoted again when that has ended. */
  readonly held: readonly string[];
}

/** Lets the next job of each lock run. */
export async function promoteLocks(sql: QueueSql, locks: readonly string[]): Promise<Promoted> {
  const row = await run<{ promoted: number; held: string | null }>(sql, [textArray(locks)]);
  return { promoted: row.promoted, held: row.held === null ? [] : (JSON.parse(row.held) as string[]) };
}

/** Of more locks than these the workers look at all. */
const FEW_LOCKS = 20;

/**
 * Asks the workers to promote the locks of the relation `left` (lock), where `when` holds: for a transaction that goes
 * on, as the notification comes with its commit. A lock whose JSON would be too long for one (8,000 bytes, of which a
 * control character takes six) is swept for, and so are many locks.
 */
export function leaveToWorkers(t: TableNames, left: string, when: string): string {
  return `select count(pg_notify('${t.channel.replaceAll("'", "''")}', p.payload))::int as told from (
    select distinct case when x.locks <= ${FEW_LOCKS} and octet_length(x.payload) < 8000 then x.payload else '{"sweep": true}' end as payload
    from (select json_build_object('promote', l.lock)::text as payload, count(*) over () as locks
      from (select distinct lock from ${left} where lock is not null) l) x
    where ${when}) p`;
}
