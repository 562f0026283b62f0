// "procrastinate/testing": for the tests of apps.
export { type JobsRun, runDueJobs } from "./run-due-jobs.ts";
