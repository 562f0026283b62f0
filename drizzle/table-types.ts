import type {
  bigint,
  boolean,
  integer,
  jsonb,
  PgEnum,
  PgSchema,
  pgTable,
  text,
  timestamp,
  varchar,
} from "drizzle-orm/pg-core";
import type { JOB_EVENT_TYPES, JOB_STATUSES } from "../src/job.ts";
import type { JsonObject } from "../src/json.ts";

// The types of the tables, written out. What TypeScript infers ends in the .d.ts as the classes of the one Drizzle
// that this package was built with, and a table of those is no table to the other major. These types name only
// functions and are computed from the Drizzle of the app.

/** A builder of a column, after methods like `.notNull()` noted what they did. */
type Column<Builder, Facts = unknown> = Builder & { _: Facts };
type Given = { notNull: true };
type Defaulted = { notNull: true; hasDefault: true };

type BigInt = Extract<ReturnType<typeof bigint>, { _: { data: bigint } }>;
type Id = Column<BigInt, Defaulted & { isPrimaryKey: true; identity: "byDefault" }>;
type Boolean = ReturnType<typeof boolean>;
type Integer = ReturnType<typeof integer>;
type Json = ReturnType<typeof jsonb>;
type Text = ReturnType<typeof text>;
type Timestamp = Extract<ReturnType<typeof timestamp>, { _: { data: Date } }>;
type Varchar = ReturnType<typeof varchar>;

type Writable<List extends readonly string[]> = { -readonly [Index in keyof List]: List[Index] };
/** The enum of the states of a job. */
export type JobStatusEnum = PgEnum<Writable<typeof JOB_STATUSES>>;
/** The enum of what can happen to a job. */
export type JobEventTypeEnum = PgEnum<Writable<typeof JOB_EVENT_TYPES>>;

export type JobColumns = {
  id: Id;
  queueName: Column<Varchar, Defaulted>;
  taskName: Column<Varchar, Given>;
  priority: Column<Integer, Defaulted>;
  lock: Text;
  mutex: Column<Boolean, Defaulted>;
  queueingLock: Text;
  args: Column<Json, Defaulted & { $type: JsonObject }>;
  status: Column<ReturnType<JobStatusEnum>, Defaulted>;
  scheduledAt: Timestamp;
  attempts: Column<Integer, Defaulted>;
  abortRequested: Column<Boolean, Defaulted>;
  workerId: BigInt;
  lease: Column<Integer, Defaulted>;
  rescues: Column<Integer, Defaulted>;
  deferredAt: Column<Timestamp, Defaulted>;
  startedAt: Timestamp;
  finishedAt: Timestamp;
  result: Json;
  progress: Json;
  ready: Column<Boolean, Defaulted>;
  wakeAt: Timestamp;
  queueingKey: Text;
  runningLock: Text;
};

export type WorkerColumns = {
  id: Id;
  name: Column<Text, Defaulted>;
  // An array; no type of Drizzle's own for that is the same in both majors.
  queues: Column<Text, { $type: string[] }>;
  idle: Column<Boolean, Defaulted>;
  startedAt: Column<Timestamp, Defaulted>;
  lastHeartbeat: Column<Timestamp, Defaulted>;
};

export type PeriodicDeferColumns = {
  id: Id;
  taskName: Column<Varchar, Given>;
  periodicId: Column<Varchar, Defaulted>;
  deferTimestamp: Column<BigInt, Given>;
  jobId: BigInt;
  schemaVersion: Column<Integer, Defaulted>;
};

export type ScheduleColumns = {
  id: Id;
  taskName: Column<Varchar, Given>;
  periodicId: Column<Varchar, Defaulted>;
  cron: Column<Text, Given>;
  timezone: Column<Text, Defaulted>;
  args: Column<Json, Defaulted & { $type: JsonObject }>;
  queueName: Varchar;
  priority: Integer;
  lock: Text;
  queueingLock: Text;
  missed: Column<Text, Defaulted>;
  maxDelaySeconds: Integer;
  inCode: Column<Boolean, Defaulted>;
  pausedAt: Timestamp;
  lastTick: BigInt;
  createdAt: Column<Timestamp, Defaulted>;
  seenAt: Column<Timestamp, Defaulted>;
};

export type QueueColumns = {
  name: Column<Varchar, Given & { isPrimaryKey: true }>;
  pausedAt: Timestamp;
};

export type EventColumns = {
  id: Id;
  jobId: Column<BigInt, Given>;
  type: Column<ReturnType<JobEventTypeEnum>, Given>;
  at: Column<Timestamp, Defaulted>;
  detail: Json;
};

/**
 * The queue's tables. Their names are literal types: Drizzle tells from them which side of a join may be null, and
 * which table a relation means.
 */
export interface ProcrastinateTables<
  Prefix extends string = "procrastinate_",
  Schema extends string | undefined = undefined,
> {
  /** The Postgres schema, which drizzle-kit creates when it is exported; undefined for `public`. */
  readonly procrastinateSchema: Schema extends "public" | undefined ? undefined : PgSchema<Schema & string>;
  readonly procrastinateJobStatus: JobStatusEnum;
  readonly procrastinateJobEventType: JobEventTypeEnum;
  readonly procrastinateJobs: ReturnType<typeof pgTable<`${Prefix}jobs`, JobColumns>>;
  readonly procrastinateWorkers: ReturnType<typeof pgTable<`${Prefix}workers`, WorkerColumns>>;
  readonly procrastinatePeriodicDefers: ReturnType<typeof pgTable<`${Prefix}periodic_defers`, PeriodicDeferColumns>>;
  readonly procrastinateSchedules: ReturnType<typeof pgTable<`${Prefix}schedules`, ScheduleColumns>>;
  readonly procrastinateQueues: ReturnType<typeof pgTable<`${Prefix}queues`, QueueColumns>>;
  readonly procrastinateEvents: ReturnType<typeof pgTable<`${Prefix}events`, EventColumns>>;
}
