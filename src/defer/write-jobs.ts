import { insertJob, isImmediate } from "../sql/insert-job.ts";
import { insertJobs, type NewJob } from "../sql/insert-jobs.ts";
import { insertUniformJobs, isUniform } from "../sql/insert-uniform-jobs.ts";
import type { QueueSql } from "../sql/statement.ts";

/**
 * So many characters of arguments go into one statement, of at most three bytes each: a jsonb value holds 256 MiB, and
 * what Postgres refuses aborts the caller's transaction.
 */
const MAX_LENGTH = 16 * 1024 * 1024;

/** Cuts a batch, in its order, into parts that one statement can take. A single job has its own limit. */
export function splitJobs(jobs: readonly NewJob[], maxLength = MAX_LENGTH): NewJob[][] {
  const parts: NewJob[][] = [];
  let length = Number.POSITIVE_INFINITY;
  for (const job of jobs) {
    length += job.argsJson.length;
    if (length > maxLength) {
      parts.push([]);
      length = job.argsJson.length;
    }
    parts.at(-1)?.push(job);
  }
  return parts;
}

/** Writes jobs with the lightest of three statements that will do. Gives the id of each, undefined where a lock is taken. */
export async function writeJobs(sql: QueueSql, jobs: readonly NewJob[]): Promise<(bigint | undefined)[]> {
  const [first] = jobs;
  if (first && jobs.length === 1 && isImmediate(first) && !sql.isBatch) return [await insertJob(sql, first)];
  return jobs.length > 1 && isUniform(jobs) ? insertUniformJobs(sql, jobs) : insertJobs(sql, jobs);
}
