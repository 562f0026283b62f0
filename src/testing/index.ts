// "procrastinate/testing": for the tests of apps.
export type { DeferredJob } from "../sql/find-deferred-jobs.ts";
export {
  type DeepPartial,
  type DeferredJobsOptions,
  deferredJobs,
  type ExpectDeferredOptions,
  expectDeferred,
} from "./deferred-jobs.ts";
export { type JobsRun, type RunDueJobsOptions, runDueJobs } from "./run-due-jobs.ts";
export { type RecordedDefer, type RunTaskOptions, runTask, type TaskRun } from "./run-task.ts";
export { timeTravel } from "./time-travel.ts";
