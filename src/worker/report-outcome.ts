import type { WorkerEvents } from "../events.ts";
import type { Job } from "../job.ts";
import type { CheckedRetry, Outcome } from "./run-outcome.ts";

/** Tells what became of a job. */
export function reportOutcome(events: WorkerEvents, job: Job, outcome: Outcome, durationMs: number): void {
  switch (outcome.kind) {
    case "succeeded":
      if (outcome.result && "problem" in outcome.result) {
        events.emit("result_not_stored", { job, problem: outcome.result.problem });
      }
      if (events.has("job_success")) events.emit("job_success", { job, durationMs });
      break;
    case "completed":
      if (events.has("job_success")) events.emit("job_success", { job, durationMs });
      break;
    case "failed":
      events.emit("job_error", { job, error: outcome.error });
      break;
    case "retry":
      events.emit("job_error_retry", { job, error: outcome.error, ...whenOf(outcome.retry) });
      break;
    case "aborted":
      events.emit("job_aborted", { job, error: outcome.error });
      break;
    case "interrupted":
      events.emit("job_interrupted", { job });
      break;
    case "lost":
      events.emit("lease_lost", { job });
      break;
    default:
      outcome satisfies never;
  }
}

function whenOf({ delayMs, atMs }: CheckedRetry): { delayMs: number; retryAt?: Date } {
  return atMs === undefined ? { delayMs } : { delayMs, retryAt: new Date(atMs) };
}
