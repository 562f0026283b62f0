import type { Random } from "../clock.ts";
import { messageOf } from "../describe.ts";
import { durationToMs } from "../duration.ts";
import {
  type AbortReason,
  CompletionRolledBackError,
  InvalidOptionError,
  JobAbortedError,
  JobTimeoutError,
} from "../errors.ts";
import type { Job } from "../job.ts";
import { toStorableJson } from "../json.ts";
import { checkKnownOptions, checkLockKey, checkName, checkPriority } from "../option-checks.ts";
import type { RunState } from "../sql/find-run-state.ts";
import type { RetryDecision } from "../task/retry.ts";
import type { AnyTask } from "../task/task.ts";

/** How a run of a handler ended. */
export type RunEnd = { readonly returned: unknown } | { readonly threw: unknown };

/**
 * The handler was given up inside the transaction that completes the job: what that does is not known yet. Nothing is
 * written, as that transaction has the row locked, and the job's lock stays taken.
 */
export interface Undecided {
  readonly kind: "undecided";
  readonly decided: Promise<Outcome>;
}

/** What becomes of a job after a run. */
export type Outcome =
  /** With what is to be stored of what the handler returned, or why it cannot be. */
  | { readonly kind: "succeeded"; readonly result?: StoredResult | undefined }
  /** The handler completed the job in its own transaction. */
  | { readonly kind: "completed" }
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "aborted"; readonly error: unknown }
  | { readonly kind: "retry"; readonly error: unknown; readonly retry: CheckedRetry }
  /** Interrupted, not failed: the job waits again as if it had not run. */
  | { readonly kind: "interrupted" }
  /** Somebody else has the job. */
  | { readonly kind: "lost" };

export type StoredResult = ReturnType<typeof toStorableJson>;

/** A decision with its fields checked. */
export interface CheckedRetry {
  readonly delayMs: number;
  /** Milliseconds since 1970, in place of the delay. */
  readonly atMs: number | undefined;
  readonly priority: number | undefined;
  readonly queue: string | undefined;
  readonly lock: string | null | undefined;
}

export interface EndedRun {
  readonly job: Job;
  readonly task: AnyTask | undefined;
  readonly end: RunEnd;
  /** Why the signal was aborted, if it was. */
  readonly abortReason: AbortReason | undefined;
  /** Where the run stands in the database, if the handler called `context.complete`. */
  readonly completion: RunState | undefined;
  readonly random: Random;
}

/**
 * Decides what becomes of a job. What the handler committed stands, even if it throws afterwards. A handler that returns has succeeded, whatever its signal says; one that rejects after
 * its signal was aborted was interrupted for that reason.
 */
export function decideOutcome(run: EndedRun): Outcome {
  const { end, abortReason } = run;
  if (run.completion === "ended") return { kind: "completed" };
  if (abortReason === "lease_lost" || run.completion === "lost") return { kind: "lost" };
  if ("returned" in end && run.completion === undefined) return succeeded(run.task, end.returned);
  // It said that it was done and its transaction did not commit: its writes are gone, so it was not.
  const error = "threw" in end ? end.threw : new CompletionRolledBackError(run.job.id);
  switch (abortReason) {
    case "user_request":
      return { kind: "aborted", error };
    case "shutdown":
      return { kind: "interrupted" };
    case "timeout":
      return retryOrFail(run, new JobTimeoutError(run.job.taskName, run.task?.timeoutMs ?? 0, { cause: error }));
    case undefined:
      return error instanceof JobAbortedError ? { kind: "aborted", error } : retryOrFail(run, error);
    default:
      return abortReason satisfies never;
  }
}

/** Beyond this it is data, which belongs into a table of the app. */
const MAX_RESULT_BYTES = 1024 * 1024;

function succeeded(task: AnyTask | undefined, returned: unknown): Outcome {
  if (!task?.storeResult || returned === undefined) return { kind: "succeeded" };
  return { kind: "succeeded", result: toStorableJson(returned, MAX_RESULT_BYTES) };
}

function retryOrFail({ job, task, random }: EndedRun, error: unknown): Outcome {
  try {
    const decision = task?.retry?.decide({ job, error, random });
    return decision ? { kind: "retry", error, retry: checkRetry(decision) } : { kind: "failed", error };
  } catch (strategyError) {
    const message = `${messageOf(error)}; its retry strategy threw too: ${messageOf(strategyError)}`;
    return { kind: "failed", error: new AggregateError([error, strategyError], message, { cause: error }) };
  }
}

/** A century: Postgres could take more, nobody means it. */
const MAX_DELAY_MS = 100 * 365 * 86_400_000;

function checkRetry(decision: RetryDecision): CheckedRetry {
  if ("then" in decision) throw new InvalidOptionError("retry", decision, "was decided by a promise: decide at once.");
  checkKnownOptions("retry", decision, ["retryIn", "retryAt", "priority", "queue", "lock"]);
  const { retryIn = {}, retryAt, priority, queue, lock } = decision;
  if (retryAt !== undefined && decision.retryIn !== undefined) {
    throw new InvalidOptionError("retryAt", retryAt, "was decided together with retryIn. Decide one of them.");
  }
  return {
    delayMs: Math.min(durationToMs(retryIn, "retryIn"), MAX_DELAY_MS),
    atMs: retryAt === undefined ? undefined : checkMoment(retryAt),
    priority: priority === undefined ? undefined : checkPriority("priority", priority),
    queue: queue === undefined ? undefined : checkName("queue", queue),
    lock: lock === undefined || lock === null ? lock : checkLockKey("lock", lock),
  };
}

/** The last moment of the year 9999. */
const MAX_TIME_MS = 253_402_300_799_999;

function checkMoment(retryAt: Date): number {
  const ms = retryAt instanceof Date ? retryAt.getTime() : Number.NaN;
  if (Number.isNaN(ms)) throw new InvalidOptionError("retryAt", retryAt, "is not a valid Date.");
  return Math.min(Math.max(ms, 0), MAX_TIME_MS);
}
