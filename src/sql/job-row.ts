import type { Job } from "../job.ts";
import type { JsonObject } from "../json.ts";
import type { TableNames } from "./statement.ts";

/**
 * Claimed jobs as they travel: an array per column, of which all have the same order, and a row for each job that is not
 * like most. An array per job would take twice as long to make, and eight columns more a fifth of a claim.
 *
 * Numbers are array literals: as JSON, ids beyond 2^53 would be rounded, and as strings of JSON they cost twice as much
 * to read. Times are milliseconds since 1970, as floats: those can be infinite.
 */
interface ClaimedJobs {
  readonly id: string;
  readonly deferredAt: string;
  readonly task: readonly string[];
  readonly args: readonly JsonObject[];
  readonly unusual: readonly UnusualJob[] | null;
}

type UnusualJob = readonly [
  id: string,
  queue: string,
  priority: number,
  lock: string | null,
  queueingLock: string | null,
  attempts: number,
  lease: number,
  rescues: number,
  scheduledAt: number | string | null,
];

/** Milliseconds since 1970. */
export const milliseconds = (time: string): string => `round(date_part('epoch', ${time}) * 1000)`;

/** Whether the job of a row is not what nearly all are: in the first queue, the first time, without options. */
function isUnusual(row: string, firstQueue: string): string {
  return `${row}.queue_name <> ${firstQueue} or ${row}.priority <> 0 or ${row}.lock is not null or ${row}.queueing_lock is not null
    or ${row}.attempts <> 0 or ${row}.lease <> 1 or ${row}.rescues <> 0 or ${row}.scheduled_at is not null`;
}

function unusualJob(row: string): string {
  return `json_build_array(${row}.id::text, ${row}.queue_name, ${row}.priority, ${row}.lock, ${row}.queueing_lock,
    ${row}.attempts, ${row}.lease, ${row}.rescues, ${milliseconds(`${row}.scheduled_at`)})`;
}

/** What a claim returns of the row `j`. */
export const CLAIMED_JOB = `j.id, ${milliseconds("j.deferred_at")} as deferred_at, j.task_name, j.args,
    j.queue_name, j.priority, j.lock, j.queueing_lock, j.attempts, j.lease, j.rescues, j.scheduled_at`;

/** The jobs of the relation `claimed` as one text. `queues` is the list of queues, of which the first is the usual one. */
export function claimedJobs(queues: string): string {
  return `(select case when count(*) > 0 then json_build_object(
    'id', array_agg(c.id)::text, 'deferredAt', array_agg(c.deferred_at)::text,
    'task', json_agg(c.task_name), 'args', json_agg(c.args),
    'unusual', json_agg(${unusualJob("c")}) filter (where ${isUnusual("c", `(select (${queues})[1])`)}))::text end from claimed c)`;
}

/** The same of the row `j` alone. */
export function claimedRow(queue: string): string {
  return `json_build_object(
    'id', array[j.id]::text, 'deferredAt', array[${milliseconds("j.deferred_at")}]::text,
    'task', json_build_array(j.task_name), 'args', json_build_array(j.args),
    'unusual', case when ${isUnusual("j", queue)} then json_build_array(${unusualJob("j")}) end)::text`;
}

/**
 * The jobs of such a text, in the order in which they should run: a RETURNING has none.
 *
 * @param firstQueue What the statement took for the usual queue.
 */
export function parseClaimedJobs(text: string | null, firstQueue: string | undefined): Job[] {
  if (text === null || firstQueue === undefined) return [];
  const { unusual, task, args, ...columns } = JSON.parse(text) as ClaimedJobs;
  const rows = new Map(unusual?.map((row) => [row[0], row]));
  const usual: UnusualJob = ["", firstQueue, 0, null, null, 0, 1, 0, null];
  const deferredAt = elements(columns.deferredAt);
  const jobs = elements(columns.id).map((id, at): Job => {
    const row = rows.get(id) ?? usual;
    const [, queue, priority, lock, queueingLock, attempts, lease, rescues, scheduledAt] = row;
    return {
      id: BigInt(id),
      queue,
      // All columns have the same rows.
      taskName: task[at] as string,
      priority,
      lock,
      queueingLock,
      args: args[at] as JsonObject,
      attempts,
      lease,
      rescues,
      scheduledAt: scheduledAt === null ? null : new Date(Number(scheduledAt)),
      deferredAt: new Date(Number(deferredAt[at])),
    };
  });
  return jobs.sort((a, b) => b.priority - a.priority || (a.id < b.id ? -1 : 1));
}

/** The elements of an array literal of numbers. */
function elements(literal: string): string[] {
  return literal.slice(1, -1).split(",");
}

/**
 * What fences a worker's writes: a row is changed only while it is `doing` under this lease of this worker. The lease
 * alone would not do: where the database forgets a claim (a failover, or the claim of fetch_jobs that was not flushed
 * before a crash), the next claim gives the same number again.
 */
export interface Lease {
  readonly id: bigint;
  readonly lease: number;
}

/**
 * The condition that the row `j` is held under the lease of the row `by` by the worker of a parameter. Wrapped, or
 * statistics from before any job ran make it one row, and a join compares all with all: 2.7 s instead of 37 ms.
 */
export function isHeldBy(by: string, worker: string): string {
  return `coalesce(j.lease = ${by}.lease and j.worker_id = ${worker}::text::bigint and j.status = 'doing', false)`;
}

/**
 * The condition that the row is in the line for its lock, whose first one is the head: it waits, and is not one with
 * `mutex` whose time has not come. Wrapped as a whole, which has the selectivity of its first part alone: see `candidates`.
 *
 * A look for a head passes over those before it that are not in line, of which no index knows: a microsecond for each.
 */
export function isInLine(row: string): string {
  return `coalesce(${row}.status = 'todo' and (not ${row}.mutex or ${row}.scheduled_at is null or ${row}.scheduled_at <= now()), false)`;
}

/** What is enough to give a job back. */
export interface ClaimedJob extends Lease {
  readonly lock: string | null;
}

/**
 * For the `limit` of a statement's list of jobs: no limit, but the statement then waits at most a second for a row that
 * another session keeps locked, and fails with 55P03. Without it one open transaction, of a handler that hangs or of
 * somebody at a console, would hold up all outcomes of a worker. A subquery, because it is then evaluated before the
 * first row, and because it keeps the planner's estimate low, as in the fetch.
 */
export const PATIENCE = "(select case when set_config('lock_timeout', '1000', true) is null then 0 else 100000 end)";

/**
 * The queueing key of the row `j` when it waits again: its queueing lock, unless another job took that meanwhile, or
 * one with a lower id takes it in the same statement. `ids` selects the ids of the statement's jobs.
 * A retry, a release and a rescue are no deferring, so both jobs then wait; refusing would lose one. Without
 * `withKeys` they take none: another transaction is about to, and waiting for its end could take for ever.
 *
 * Who is the first of a queueing lock is found once for all jobs, with what does not refer to the row: a look at the
 * others for each of 1,000 jobs took a million steps.
 */
export function queueingKeyAgain(t: TableNames, ids: string, withKeys: string): string {
  return `case when j.queueing_lock is not null and ${withKeys}::boolean
      and not exists (select 1 from ${t.jobs} s where s.queueing_key = j.queueing_lock)
      and j.id in (select min(s.id) from ${t.jobs} s where s.id in (${ids}) and s.queueing_lock is not null group by s.queueing_lock)
      then j.queueing_lock end`;
}

/**
 * Tells the idle workers of the queues in the relation `changed (queue_name, delay_ms)` that there is work.
 * A transaction with a pending NOTIFY takes an instance-wide lock when it commits, which cuts the app's commit rate
 * to a quarter under load: so nothing is sent while nobody is idle.
 */
export function notifyIdle(t: TableNames, changed: string): string {
  return `select count(${notify(t, "json_build_object('queue', c.queue_name, 'delayMs', c.delay_ms)")}) as sent
    from (select queue_name, min(delay_ms) as delay_ms from ${changed} group by queue_name) c
    where ${hasIdleWorker(t, "c.queue_name")}`;
}

/** Sends the text of an expression, JSON, to all who listen. */
export function notify(t: TableNames, json: string): string {
  return `pg_notify('${t.channel.replaceAll("'", "''")}', (${json})::text)`;
}

/** The condition that a worker of the queue waits for work. */
export function hasIdleWorker(t: TableNames, queue: string): string {
  return `exists (select 1 from ${t.workers} w where ${isIdle(queue)})`;
}

/** The condition that the worker `w` is one. */
export function isIdle(queue: string): string {
  return `w.idle and (w.queues is null or ${queue} = any(w.queues))`;
}
