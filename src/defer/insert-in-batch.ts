import { DatabaseError } from "../database-error.ts";
import { AlreadyEnqueuedError, InvalidOptionError, ProcrastinateError } from "../errors.ts";
import { insertJobs, type NewJob } from "../sql/insert-jobs.ts";
import type { QueueSql } from "../sql/statement.ts";
import type { OnConflict } from "../task/deferrer.ts";

const FIX = "The whole batch was rolled back. In an interactive transaction, onConflict says what to do instead.";

/**
 * Writes a job with a queueing lock as part of a batch, which is committed before anybody knows the answer. A lock that
 * is taken therefore fails the batch.
 *
 * @throws InvalidOptionError for what would need the answer; AlreadyEnqueuedError
 */
export async function insertInBatch(sql: QueueSql, job: NewJob, onConflict: OnConflict): Promise<bigint> {
  if (onConflict !== "throw") {
    const fix = "is not for a batch, which commits before it answers. Use an interactive transaction.";
    throw new InvalidOptionError("onConflict", onConflict, fix);
  }
  try {
    const [id] = await insertJobs(sql, [job]);
    if (id !== undefined) return id;
  } catch (error) {
    const isTaken = error instanceof DatabaseError && error.isUniqueViolation;
    throw isTaken ? new AlreadyEnqueuedError(job.queueingLock ?? "", FIX) : error;
  }
  throw new ProcrastinateError("database", "Postgres gave no id for a new job.");
}
