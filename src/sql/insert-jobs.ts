import { notifyIdle } from "./job-row.ts";
import { type QueueSql, statement, type TableNames } from "./statement.ts";

/** A job to be written, checked and complete. */
export interface NewJob {
  readonly queue: string;
  readonly task: string;
  readonly priority: number;
  readonly lock: string | null;
  readonly queueingLock: string | null;
  /** It holds up nobody of its lock while it waits for its time. Default: false. */
  readonly mutex?: boolean;
  /** The arguments as JSON text. */
  readonly argsJson: string;
  /** Milliseconds since 1970, or null. */
  readonly atMs: number | null;
  /** Milliseconds from now by the database's clock, or null. */
  readonly inMs: number | null;
}

/** $1 the jobs as JSON. */
const insert = (t: TableNames, onConflict: string): string => `
with inserted as (
  insert into ${t.jobs} (queue_name, task_name, priority, lock, mutex, queueing_lock, queueing_key, args, scheduled_at, ready, wake_at)
  select r.queue, r.task, coalesce(r.priority, 0), r.lock, coalesce(r.mutex, false), r."queueingLock", r."queueingLock", r.args, s.at,
         s.at is null or s.at <= now(), case when s.at > now() then s.at end
  from rows from (jsonb_to_recordset($1::text::jsonb) as (queue text, task text, priority int, lock text, mutex boolean,
         "queueingLock" text, args jsonb, "atMs" float8, "inMs" float8)) with ordinality
    as r(queue, task, priority, lock, mutex, "queueingLock", args, "atMs", "inMs", ordinality)
  cross join lateral (
    select coalesce(to_timestamp(r."atMs" / 1000), clock_timestamp() + r."inMs" * interval '1 millisecond') as at
  ) s
  order by r.ordinality
  ${onConflict}
  returning id, queue_name, queueing_lock, wake_at
), changed as (
  select queue_name, case when wake_at is null then 0 else extract(epoch from wake_at - now())::float8 * 1000 end as delay_ms from inserted
), notified as materialized (${notifyIdle(t, "changed")})
select (select json_agg(json_build_array(i.id::text, i.queueing_lock))::text from inserted i) as inserted,
       (select sent::int from notified) as notified`;

/**
 * Rows whose queueing lock is taken are left out, never raised: a unique violation would abort the caller's
 * transaction.
 */
const run = statement(
  "insert_jobs",
  (t) => insert(t, "on conflict (queueing_key) where queueing_key is not null do nothing"),
  { isPreparable: true },
);

/** Raises the unique violation: in a batch nobody could act on a row that was left out. */
const runInBatch = statement("insert_jobs_in_batch", (t) => insert(t, ""));

/**
 * The JSON of a job without what is null or 0, with its arguments put in as they are: they were made JSON already.
 * Put together by hand: 50,000 objects made for JSON.stringify cost 200 ms, this 40.
 */
export function newJobJson({ queue, task, priority, lock, mutex, queueingLock, argsJson, atMs, inMs }: NewJob): string {
  let json = `{"queue":${JSON.stringify(queue)},"task":${JSON.stringify(task)},"args":${argsJson}`;
  if (priority !== 0) json += `,"priority":${priority}`;
  if (lock !== null) json += `,"lock":${JSON.stringify(lock)}`;
  if (mutex) json += `,"mutex":true`;
  if (queueingLock !== null) json += `,"queueingLock":${JSON.stringify(queueingLock)}`;
  if (atMs !== null) json += `,"atMs":${atMs}`;
  if (inMs !== null) json += `,"inMs":${inMs}`;
  return `${json}}`;
}

/**
 * Writes jobs and gives the id of each, in their order; undefined for a job whose queueing lock is taken.
 * The same queueing lock must not stand in the list twice.
 */
export async function insertJobs(sql: QueueSql, jobs: readonly NewJob[]): Promise<(bigint | undefined)[]> {
  const row = await (sql.isBatch ? runInBatch : run)<{ inserted: string | null }>(sql, [
    `[${jobs.map(newJobJson).join(",")}]`,
  ]);
  const inserted = JSON.parse(row.inserted ?? "[]") as [id: string, queueingLock: string | null][];
  const sorted = inserted.map(([id, key]) => ({ id: BigInt(id), key })).sort((a, b) => (a.id < b.id ? -1 : 1));
  // Ids were given in the order of the list, so that both are walked together; only keyed jobs can be missing.
  let next = 0;
  return jobs.map((job) => {
    const candidate = sorted[next];
    if (candidate === undefined || candidate.key !== job.queueingLock) return undefined;
    next++;
    return candidate.id;
  });
}
