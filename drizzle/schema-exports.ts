// "procrastinate/drizzle/schema": tables and enums and nothing else, for `export *` in the app's schema file.
export {
  procrastinateEvents,
  procrastinateJobEventType,
  procrastinateJobStatus,
  procrastinateJobs,
  procrastinatePeriodicDefers,
  procrastinateWorkers,
} from "./schema.ts";
