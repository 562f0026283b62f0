import { sql } from "drizzle-orm";
import { check, index, pgEnum, pgSchema, pgTable, uniqueIndex } from "drizzle-orm/pg-core";
import { InvalidOptionError } from "../src/errors.ts";
import { JOB_EVENT_TYPES, JOB_STATUSES } from "../src/job.ts";
import { checkKnownOptions } from "../src/option-checks.ts";
import { type TableOptions, tableNames } from "../src/sql/statement.ts";
import {
  eventColumns,
  jobColumns,
  periodicDeferColumns,
  queueColumns,
  scheduleColumns,
  workerColumns,
} from "./columns.ts";
import type {
  EventColumns,
  JobColumns,
  JobEventTypeEnum,
  JobStatusEnum,
  PeriodicDeferColumns,
  ProcrastinateTables,
  QueueColumns,
  ScheduleColumns,
  WorkerColumns,
} from "./table-types.ts";

/** Where the tables are and how they are called. Give `createApp({ tables })` the same. */
export interface ProcrastinateTablesOptions<Prefix extends string, Schema extends string | undefined> {
  /** The Postgres schema of the tables. Default: the app's default one, `public`. */
  readonly schema?: Schema;
  /** What the names of the tables, enums and indexes begin with. Default: `procrastinate_`. */
  readonly prefix?: Prefix;
}

/**
 * Makes the queue's tables for another Postgres schema or another prefix. Export each of them from the app's schema
 * file, `procrastinateSchema` too (drizzle-kit then creates the Postgres schema; leave it out if the app exports a
 * `pgSchema` of that name already), and give the same options to `createApp({ tables })`.
 *
 * ```ts
 * export const { procrastinateSchema, procrastinateJobs, procrastinateWorkers, procrastinatePeriodicDefers,
 *   procrastinateSchedules, procrastinateQueues, procrastinateEvents, procrastinateJobStatus, procrastinateJobEventType } = createProcrastinateTables({ schema: "queue" });
 * ```
 *
 * With another schema, drizzle-kit's `push` and `pull` need `schemaFilter: ["public", "queue"]` in their config.
 *
 * @throws InvalidOptionError when an option is unknown, a name is none that drizzle-kit can write, or an index would
 * have a name of more than Postgres's 63 bytes.
 */
export function createProcrastinateTables<
  const Prefix extends string = "procrastinate_",
  const Schema extends string | undefined = undefined,
>(options: ProcrastinateTablesOptions<Prefix, Schema> = {}): ProcrastinateTables<Prefix, Schema> {
  checkOptions(options);
  const tables: ProcrastinateTables<string, string | undefined> = createTables(options as TableOptions);
  // The same, with names as literal types, which nothing that computes them can have.
  return tables as ProcrastinateTables<Prefix, Schema>;
}

function checkOptions(options: object & { readonly schema?: unknown; readonly prefix?: unknown }): void {
  checkKnownOptions("createProcrastinateTables", options, ["schema", "prefix"]);
  tableNames(options as TableOptions);
  for (const [option, name] of Object.entries(options)) {
    // It writes names between quotes and escapes none inside them.
    if (typeof name === "string" && /["\\]/.test(name)) {
      throw new InvalidOptionError(option, name, "has a quote or a backslash, which drizzle-kit cannot write.");
    }
  }
  if (typeof options.schema === "string" && options.schema.startsWith("pg_")) {
    throw new InvalidOptionError("schema", options.schema, "begins with pg_, which Postgres keeps for itself.");
  }
}

function createTables({ schema, prefix = "procrastinate_" }: TableOptions) {
  // Drizzle refuses pgSchema("public"): what is there needs no schema.
  const procrastinateSchema = schema === undefined || schema === "public" ? undefined : pgSchema(schema);
  const name: Name = (suffix) => `${prefix}${suffix}`;
  const table = (procrastinateSchema?.table.bind(procrastinateSchema) ?? pgTable) as typeof pgTable;
  const enumOf = (procrastinateSchema?.enum.bind(procrastinateSchema) ?? pgEnum) as typeof pgEnum;
  const procrastinateJobStatus = enumOf(name("job_status"), JOB_STATUSES);
  const procrastinateJobEventType = enumOf(name("job_event_type"), JOB_EVENT_TYPES);
  return {
    procrastinateSchema,
    procrastinateJobStatus,
    procrastinateJobEventType,
    procrastinateJobs: jobsTable(table, name, procrastinateJobStatus),
    procrastinateWorkers: table<`${string}workers`, WorkerColumns>(name("workers"), workerColumns()),
    procrastinatePeriodicDefers: periodicDefersTable(table, name),
    procrastinateSchedules: schedulesTable(table, name),
    procrastinateQueues: table<`${string}queues`, QueueColumns>(name("queues"), queueColumns()),
    procrastinateEvents: eventsTable(table, name, procrastinateJobEventType),
  };
}

type TableFunction = typeof pgTable;
type Name = <Suffix extends string>(suffix: Suffix) => `${string}${Suffix}`;

function jobsTable(table: TableFunction, name: Name, status: JobStatusEnum) {
  return table<`${string}jobs`, JobColumns>(name("jobs"), jobColumns(status), (t) => [
    // Read by the fetch: the next jobs of a queue. `.desc()` alone means NULLS LAST, which the fetch could not use.
    index(name("jobs_fetch_idx")).on(t.queueName, t.priority.desc().nullsFirst(), t.id).where(sql`ready`),
    // Read by the wake-up of jobs whose time has come.
    index(name("jobs_wake_idx")).on(t.wakeAt).where(sql`not ready and wake_at is not null`),
    // Read by the fetch and by promote: the head of a lock.
    index(name("jobs_lock_idx"))
      .on(t.lock, t.priority.desc().nullsFirst(), t.id)
      .where(sql`lock is not null and finished_at is null`),
    // One waiting job per queueing lock.
    uniqueIndex(name("jobs_queueing_key_idx")).on(t.queueingKey).where(sql`queueing_key is not null`),
    // One running job per lock.
    uniqueIndex(name("jobs_running_lock_idx")).on(t.runningLock).where(sql`running_lock is not null`),
    check(name("jobs_names_check"), sql`queue_name <> '' and task_name <> ''`),
    check(name("jobs_abort_check"), sql`status <> 'todo' or not abort_requested`),
    check(name("jobs_finished_check"), sql`(finished_at is null) = (status in ('todo', 'doing'))`),
    check(name("jobs_queueing_key_check"), sql`queueing_key is null or status = 'todo'`),
    check(name("jobs_running_lock_check"), sql`running_lock is null or status = 'doing'`),
    // A waiting job is found by the fetch, behind its lock, or by its time.
    check(
      name("jobs_findable_check"),
      sql`status <> 'todo' or ready or lock is not null or coalesce(wake_at < 'infinity', false)`,
    ),
    check(name("jobs_wake_check"), sql`status <> 'todo' or wake_at is distinct from 'infinity'::timestamptz`),
    check(name("jobs_schedule_check"), sql`scheduled_at < 'infinity'`),
  ]);
}

function periodicDefersTable(table: TableFunction, name: Name) {
  return table<`${string}periodic_defers`, PeriodicDeferColumns>(
    name("periodic_defers"),
    periodicDeferColumns(),
    (t) => [
      // One job per task, schedule and tick. Not `unique()`: drizzle-kit's push would add it again at random.
      uniqueIndex(name("periodic_defers_tick_idx")).on(t.taskName, t.periodicId, t.deferTimestamp),
    ],
  );
}

function schedulesTable(table: TableFunction, name: Name) {
  return table<`${string}schedules`, ScheduleColumns>(name("schedules"), scheduleColumns(), (t) => [
    // One schedule per task and id.
    uniqueIndex(name("schedules_task_idx")).on(t.taskName, t.periodicId),
    check(name("schedules_missed_check"), sql`missed in ('skip', 'once', 'all')`),
  ]);
}

function eventsTable(table: TableFunction, name: Name, type: JobEventTypeEnum) {
  return table<`${string}events`, EventColumns>(name("events"), eventColumns(type), (t) => [
    // Read by the history of a job.
    index(name("events_job_id_idx")).on(t.jobId),
  ]);
}
