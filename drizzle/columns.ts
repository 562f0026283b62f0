import { bigint, boolean, integer, jsonb, text, timestamp, varchar } from "drizzle-orm/pg-core";
import { MAX_NAME_LENGTH } from "../src/job.ts";
import type { JsonObject } from "../src/json.ts";
import type {
  EventColumns,
  JobColumns,
  JobEventTypeEnum,
  JobStatusEnum,
  PeriodicDeferColumns,
  QueueColumns,
  ScheduleColumns,
  WorkerColumns,
} from "./table-types.ts";

const id = () => bigint("id", { mode: "bigint" }).primaryKey().generatedByDefaultAsIdentity();
const moment = (column: string) => timestamp(column, { withTimezone: true });
const shortText = (column: string) => varchar(column, { length: MAX_NAME_LENGTH });

export function jobColumns(status: JobStatusEnum): JobColumns {
  return {
    id: id(),
    queueName: shortText("queue_name").notNull().default("default"),
    taskName: shortText("task_name").notNull(),
    priority: integer("priority").notNull().default(0),
    lock: text("lock"),
    mutex: boolean("mutex").notNull().default(false),
    queueingLock: text("queueing_lock"),
    args: jsonb("args").$type<JsonObject>().notNull().default({}),
    status: status("status").notNull().default("todo"),
    scheduledAt: moment("scheduled_at"),
    attempts: integer("attempts").notNull().default(0),
    abortRequested: boolean("abort_requested").notNull().default(false),
    workerId: bigint("worker_id", { mode: "bigint" }),
    lease: integer("lease").notNull().default(0),
    rescues: integer("rescues").notNull().default(0),
    deferredAt: moment("deferred_at").notNull().defaultNow(),
    startedAt: moment("started_at"),
    finishedAt: moment("finished_at"),
    result: jsonb("result"),
    progress: jsonb("progress"),
    ready: boolean("ready").notNull().default(true),
    wakeAt: moment("wake_at"),
    queueingKey: text("queueing_key"),
    runningLock: text("running_lock"),
  };
}

export function workerColumns(): WorkerColumns {
  return {
    id: id(),
    name: text("name").notNull().default("worker"),
    // Arrays are made the same way in both majors, but with types that differ.
    queues: text("queues").array() as unknown as WorkerColumns["queues"],
    idle: boolean("idle").notNull().default(false),
    startedAt: moment("started_at").notNull().defaultNow(),
    lastHeartbeat: moment("last_heartbeat").notNull().defaultNow(),
  };
}

export function periodicDeferColumns(): PeriodicDeferColumns {
  return {
    id: id(),
    taskName: shortText("task_name").notNull(),
    periodicId: shortText("periodic_id").notNull().default(""),
    deferTimestamp: bigint("defer_timestamp", { mode: "bigint" }).notNull(),
    jobId: bigint("job_id", { mode: "bigint" }),
    // The default is the version of the tables: a worker reads it before it starts. It is here because every upgrade
    // changes it, beside a busy table, and a migration that waits for two busy tables ends in deadlocks.
    schemaVersion: integer("schema_version").notNull().default(1),
  };
}

export function scheduleColumns(): ScheduleColumns {
  return {
    id: id(),
    taskName: shortText("task_name").notNull(),
    periodicId: shortText("periodic_id").notNull().default(""),
    cron: text("cron").notNull(),
    timezone: text("timezone").notNull().default("UTC"),
    args: jsonb("args").$type<JsonObject>().notNull().default({}),
    queueName: shortText("queue_name"),
    priority: integer<string>("priority"),
    lock: text("lock"),
    queueingLock: text("queueing_lock"),
    missed: text("missed").notNull().default("once"),
    maxDelaySeconds: integer<string>("max_delay_seconds"),
    inCode: boolean("in_code").notNull().default(false),
    pausedAt: moment("paused_at"),
    lastTick: bigint("last_tick", { mode: "bigint" }),
    createdAt: moment("created_at").notNull().defaultNow(),
    seenAt: moment("seen_at").notNull().defaultNow(),
  };
}

export function queueColumns(): QueueColumns {
  return {
    name: shortText("name").primaryKey(),
    pausedAt: moment("paused_at"),
  };
}

export function eventColumns(type: JobEventTypeEnum): EventColumns {
  return {
    id: id(),
    jobId: bigint("job_id", { mode: "bigint" }).notNull(),
    type: type("type").notNull(),
    at: moment("at").notNull().defaultNow(),
    detail: jsonb("detail"),
  };
}
