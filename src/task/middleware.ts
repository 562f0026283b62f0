import { ProcrastinateError } from "../errors.ts";
import type { JobContext } from "./job-context.ts";

/**
 * Wraps the run of a job: gets its context, and `next`, which runs what is inside and gives what the handler returned.
 * What it returns, or throws, is what the run returned or threw. One that does not call `next` skips the handler.
 */
export type JobMiddleware = (context: JobContext, next: () => Promise<unknown>) => Promise<unknown>;

/** A middleware did what it must not: it called `next` twice, or gave no ids. */
export class MiddlewareError extends ProcrastinateError {
  constructor(message: string) {
    super("middleware", message);
  }
}
