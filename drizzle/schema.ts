// "procrastinate/drizzle/schema": tables and enums and nothing else, for `export *` in the app's schema file.
import type { ProcrastinateTables } from "./table-types.ts";
import { createProcrastinateTables } from "./tables.ts";

const tables: ProcrastinateTables = createProcrastinateTables();

// Each with its type written down: an inferred one would end in the .d.ts as the classes of one major of Drizzle.
/** The states of a job. */
export const procrastinateJobStatus: ProcrastinateTables["procrastinateJobStatus"] = tables.procrastinateJobStatus;
/** What can happen to a job. */
export const procrastinateJobEventType: ProcrastinateTables["procrastinateJobEventType"] =
  tables.procrastinateJobEventType;
/** All jobs: waiting, running and, until they are deleted, finished ones. */
export const procrastinateJobs: ProcrastinateTables["procrastinateJobs"] = tables.procrastinateJobs;
/** The workers that run, and those that died until somebody noticed. */
export const procrastinateWorkers: ProcrastinateTables["procrastinateWorkers"] = tables.procrastinateWorkers;
/** The ticks of periodic tasks that were deferred, so that each is deferred once. */
export const procrastinatePeriodicDefers: ProcrastinateTables["procrastinatePeriodicDefers"] =
  tables.procrastinatePeriodicDefers;
/** When tasks are deferred by themselves: what the code says, and what was added at run time. */
export const procrastinateSchedules: ProcrastinateTables["procrastinateSchedules"] = tables.procrastinateSchedules;
/** What is said of queues: which of them are paused. */
export const procrastinateQueues: ProcrastinateTables["procrastinateQueues"] = tables.procrastinateQueues;
/** What happened to jobs, as far as their own timestamps do not tell. */
export const procrastinateEvents: ProcrastinateTables["procrastinateEvents"] = tables.procrastinateEvents;
