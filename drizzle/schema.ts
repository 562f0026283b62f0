import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgEnum,
  pgSchema,
  pgTable,
  text,
  timestamp,
  uniqueIndex,
  varchar,
} from "drizzle-orm/pg-core";
import { JOB_EVENT_TYPES, JOB_STATUSES, MAX_NAME_LENGTH } from "../src/job.ts";
import { type TableOptions, tableNames } from "../src/sql/statement.ts";

/**
 * Makes the queue's tables for another Postgres schema or another prefix. Export each of them from the app's schema
 * file, `procrastinateSchema` too (drizzle-kit then creates the Postgres schema), and give the same options to
 * `createApp({ tables })`.
 *
 * ```ts
 * export const { procrastinateSchema, procrastinateJobs, procrastinateWorkers, procrastinatePeriodicDefers,
 *   procrastinateEvents, procrastinateJobStatus, procrastinateJobEventType } = createProcrastinateTables({ schema: "queue" });
 * ```
 *
 * @throws InvalidOptionError when a name would be longer than Postgres's 63 bytes.
 */
export function createProcrastinateTables(options: TableOptions = {}) {
  tableNames(options);
  const { schema, prefix = "procrastinate_" } = options;
  // Drizzle refuses pgSchema("public"): what is there needs no schema.
  const procrastinateSchema = schema === undefined || schema === "public" ? undefined : pgSchema(schema);
  const name = (suffix: string): string => prefix + suffix;
  const table = (procrastinateSchema?.table.bind(procrastinateSchema) ?? pgTable) as typeof pgTable;
  const enumOf = (procrastinateSchema?.enum.bind(procrastinateSchema) ?? pgEnum) as typeof pgEnum;
  const procrastinateJobStatus = enumOf(name("job_status"), JOB_STATUSES);
  const procrastinateJobEventType = enumOf(name("job_event_type"), JOB_EVENT_TYPES);
  return {
    procrastinateSchema,
    procrastinateJobStatus,
    procrastinateJobEventType,
    procrastinateJobs: jobsTable(table, name, procrastinateJobStatus),
    procrastinateWorkers: workersTable(table, name),
    procrastinatePeriodicDefers: periodicDefersTable(table, name),
    procrastinateEvents: eventsTable(table, name, procrastinateJobEventType),
  };
}

type Table = typeof pgTable;
type Name = (suffix: string) => string;
const id = () => bigint({ mode: "bigint" }).primaryKey().generatedByDefaultAsIdentity();
const moment = (column: string) => timestamp(column, { withTimezone: true });
const shortText = (column: string) => varchar(column, { length: MAX_NAME_LENGTH });

function jobsTable(table: Table, name: Name, status: ReturnType<typeof pgEnum<string, typeof JOB_STATUSES>>) {
  return table(name("jobs"), jobColumns(status), (t) => [
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
  ]);
}

function jobColumns(status: ReturnType<typeof pgEnum<string, typeof JOB_STATUSES>>) {
  return {
    id: id(),
    queueName: shortText("queue_name").notNull().default("default"),
    taskName: shortText("task_name").notNull(),
    priority: integer().notNull().default(0),
    lock: text(),
    queueingLock: text("queueing_lock"),
    args: jsonb().$type<Record<string, unknown>>().notNull().default({}),
    status: status().notNull().default("todo"),
    scheduledAt: moment("scheduled_at"),
    attempts: integer().notNull().default(0),
    abortRequested: boolean("abort_requested").notNull().default(false),
    workerId: bigint("worker_id", { mode: "bigint" }),
    lease: integer().notNull().default(0),
    rescues: integer().notNull().default(0),
    deferredAt: moment("deferred_at").notNull().defaultNow(),
    startedAt: moment("started_at"),
    finishedAt: moment("finished_at"),
    result: jsonb(),
    ready: boolean().notNull().default(true),
    wakeAt: moment("wake_at"),
    queueingKey: text("queueing_key"),
    runningLock: text("running_lock"),
  };
}

function workersTable(table: Table, name: Name) {
  return table(name("workers"), {
    id: id(),
    name: text().notNull().default("worker"),
    queues: text().array(),
    idle: boolean().notNull().default(false),
    // The default is the version of the tables: a worker reads it before it starts.
    schemaVersion: integer("schema_version").notNull().default(1),
    startedAt: moment("started_at").notNull().defaultNow(),
    lastHeartbeat: moment("last_heartbeat").notNull().defaultNow(),
  });
}

function periodicDefersTable(table: Table, name: Name) {
  return table(
    name("periodic_defers"),
    {
      id: id(),
      taskName: shortText("task_name").notNull(),
      periodicId: shortText("periodic_id").notNull().default(""),
      deferTimestamp: bigint("defer_timestamp", { mode: "bigint" }).notNull(),
      jobId: bigint("job_id", { mode: "bigint" }),
    },
    // One job per task, schedule and tick.
    (t) => [uniqueIndex(name("periodic_defers_tick_idx")).on(t.taskName, t.periodicId, t.deferTimestamp)],
  );
}

function eventsTable(table: Table, name: Name, type: ReturnType<typeof pgEnum<string, typeof JOB_EVENT_TYPES>>) {
  return table(
    name("events"),
    {
      id: id(),
      jobId: bigint("job_id", { mode: "bigint" }).notNull(),
      type: type().notNull(),
      at: moment("at").notNull().defaultNow(),
      detail: jsonb(),
    },
    // Read by the history of a job.
    (t) => [index(name("events_job_id_idx")).on(t.jobId)],
  );
}

/** The queue's tables under their default names: `export * from "procrastinate/drizzle/schema"` in the app's schema. */
export const {
  procrastinateJobStatus,
  procrastinateJobEventType,
  procrastinateJobs,
  procrastinateWorkers,
  procrastinatePeriodicDefers,
  procrastinateEvents,
} = createProcrastinateTables();
