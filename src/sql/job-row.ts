import type { Job } from "../job.ts";
import type { JsonObject } from "../json.ts";
import type { TableNames } from "./statement.ts";

/**
 * The numbers of a claimed job. They travel as array literals: as JSON, ids beyond 2^53 would be rounded, and as strings
 * of JSON they cost twice as much to read. Times are milliseconds since 1970, as floats: those can be infinite.
 */
const NUMBERS = {
  id: "j.id",
  priority: "j.priority",
  attempts: "j.attempts",
  lease: "j.lease",
  rescues: "j.rescues",
  scheduled_at: "round(date_part('epoch', j.scheduled_at) * 1000)",
  deferred_at: "round(date_part('epoch', j.deferred_at) * 1000)",
};

/** The rest of a claimed job. It travels as JSON. */
const VALUES = {
  queue: "j.queue_name",
  task: "j.task_name",
  lock: "j.lock",
  queueing_lock: "j.queueing_lock",
  args: "j.args",
};

/** Claimed jobs as they travel, by columns. */
interface JobColumns extends Record<keyof typeof NUMBERS, string> {
  readonly queue: string[];
  readonly task: string[];
  readonly lock: (string | null)[];
  readonly queueing_lock: (string | null)[];
  readonly args: JsonObject[];
}

/** What a claim returns of the row `j`. */
export const CLAIMED_JOB = Object.entries({ ...NUMBERS, ...VALUES })
  .map(([name, column]) => `${column} as ${name}`)
  .join(", ");

/** The jobs of the relation `claimed` as one JSON text, an array per column: an array per job takes twice as long to make. */
export const CLAIMED_JOBS = `(select case when count(*) > 0 then json_build_object(${[
  ...Object.keys(NUMBERS).map((name) => `'${name}', array_agg(c.${name})::text`),
  ...Object.keys(VALUES).map((name) => `'${name}', json_agg(c.${name})`),
].join(", ")})::text end from claimed c)`;

/** The same of the row `j` alone. */
export const CLAIMED_ROW = `json_build_object(${[
  ...Object.entries(NUMBERS).map(([name, column]) => `'${name}', array[${column}]::text`),
  ...Object.entries(VALUES).map(([name, column]) => `'${name}', json_build_array(${column})`),
].join(", ")})::text`;

/** The jobs of such a text, in the order in which they should run: a RETURNING has none. */
export function parseClaimedJobs(text: string | null): Job[] {
  if (text === null) return [];
  const columns = JSON.parse(text) as JobColumns;
  const numbers = (name: keyof typeof NUMBERS): number[] => elements(columns[name]).map(Number);
  const [priority, attempts, lease, rescues] = [
    numbers("priority"),
    numbers("attempts"),
    numbers("lease"),
    numbers("rescues"),
  ];
  const deferredAt = numbers("deferred_at");
  const scheduledAt = elements(columns.scheduled_at);
  const jobs = elements(columns.id).map((id, row): Job => {
    // All columns have the same rows.
    const at = <T>(column: readonly T[]): T => column[row] as T;
    const scheduled = at(scheduledAt);
    return {
      id: BigInt(id),
      queue: at(columns.queue),
      taskName: at(columns.task),
      priority: at(priority),
      lock: at(columns.lock),
      queueingLock: at(columns.queueing_lock),
      args: at(columns.args),
      attempts: at(attempts),
      lease: at(lease),
      rescues: at(rescues),
      scheduledAt: scheduled === "NULL" ? null : new Date(Number(scheduled)),
      deferredAt: new Date(at(deferredAt)),
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
 */
export function queueingKeyAgain(t: TableNames, ids: string, withKeys: string): string {
  return `case when j.queueing_lock is not null and ${withKeys}::boolean
      and not exists (select 1 from ${t.jobs} s where s.queueing_key = j.queueing_lock)
      and not exists (select 1 from ${t.jobs} s where s.id in (${ids}) and s.queueing_lock = j.queueing_lock and s.id < j.id)
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

/** Sends a JSON expression to all who listen. */
export function notify(t: TableNames, json: string): string {
  return `pg_notify('${t.channel.replaceAll("'", "''")}', (${json})::text)`;
}

/** The condition that a worker of the queue waits for work. */
export function hasIdleWorker(t: TableNames, queue: string): string {
  return `exists (select 1 from ${t.workers} w where w.idle and (w.queues is null or ${queue} = any(w.queues)))`;
}
