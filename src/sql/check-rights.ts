import { type QueueSql, quoteLiteral, statement, type TableNames } from "./statement.ts";

type Table = "jobs" | "workers" | "queues" | "events" | "schedules" | "periodicDefers";
type Privilege = "select" | "insert" | "update" | "delete";
/** A right on columns of a table; on each of them, where it names none. */
type Right = readonly [table: Table, privilege: Privilege, columns?: string];

/** As docs/security.md grants them; what a few calls need besides is not in them. */
const TO_DEFER: readonly Right[] = [
  [
    "jobs",
    "insert",
    "queue_name, task_name, priority, lock, mutex, queueing_lock, queueing_key, args, scheduled_at, ready, wake_at",
  ],
  ["jobs", "select", "id, queue_name, queueing_lock, queueing_key, wake_at"],
  ["workers", "select", "idle, queues"],
];
const TO_WORK: readonly Right[] = [
  ["jobs", "select"],
  [
    "jobs",
    "update",
    "status, queue_name, priority, lock, queueing_key, scheduled_at, attempts, abort_requested, worker_id, lease, rescues, started_at, finished_at, result, progress, ready, wake_at, running_lock",
  ],
  ["queues", "select"],
  ["events", "insert"],
  ...(["select", "insert", "update", "delete"] as const).flatMap((privilege): Right[] => [
    ["workers", privilege],
    ["schedules", privilege],
    ["periodicDefers", privilege],
  ]),
];

/** What an insert takes its id from, if that is a sequence with rights of its own. */
const idSequence = (table: string): string =>
  `coalesce((select has_sequence_privilege(pg_get_serial_sequence(${quoteLiteral(table)}, 'id'), 'usage') from pg_attribute
    where attrelid = to_regclass(${quoteLiteral(table)}) and attname = 'id' and attidentity = ''), true)`;

/** Columns that older tables lack are looked over; the right to delete is one of the whole table. */
function has(t: TableNames, [table, privilege, columns]: Right): string {
  const name = quoteLiteral(t[table]);
  if (privilege === "delete") return `has_table_privilege(${name}, 'delete')`;
  const named = columns === undefined ? "" : ` and attname = any(${quoteLiteral(`{${columns}}`)})`;
  return `(select bool_and(has_column_privilege(attrelid, attnum, '${privilege}')) from pg_attribute
    where attrelid = to_regclass(${name}) and attnum > 0 and not attisdropped${named})`;
}

const all = (conditions: readonly string[]): string => conditions.join("\n   and ");

const run = statement(
  "check_rights",
  (t) => `
select ${all([...TO_DEFER.map((right) => has(t, right)), idSequence(t.jobs)])} as may_defer,
       ${all([...TO_WORK.map((right) => has(t, right)), ...[t.workers, t.events, t.schedules, t.periodicDefers].map(idSequence)])} as may_work,
       pg_is_in_recovery() or current_setting('transaction_read_only')::boolean as read_only`,
);

/** What the role of a connection may do with the queue. */
export interface Rights {
  readonly mayDefer: boolean;
  readonly mayWork: boolean;
  /** The server is a standby, or the session's transactions may not write: nobody can do anything. */
  readonly isReadOnly: boolean;
}

/** Only where there are tables. */
export async function checkRights(sql: QueueSql): Promise<Rights> {
  const row = await run<{ may_defer: boolean; may_work: boolean; read_only: boolean }>(sql, []);
  return { mayDefer: row.may_defer, mayWork: row.may_work, isReadOnly: row.read_only };
}
