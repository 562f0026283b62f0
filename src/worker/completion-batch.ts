import { DatabaseError } from "../database-error.ts";
import type { Job } from "../job.ts";
import { type EndedJob, endJobs } from "../sql/end-jobs.ts";
import { finishAndDeleteJobs, finishJobs } from "../sql/finish-jobs.ts";
import type { Lease } from "../sql/job-row.ts";
import { releaseJobs } from "../sql/release-jobs.ts";
import { type RetriedJob, retryJobs } from "../sql/retry-jobs.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** Outcomes that are written together, by what has to be written. */
export interface CompletionBatch {
  /** All jobs of the batch. */
  readonly jobs: Job[];
  readonly succeeded: Job[];
  readonly ended: (EndedJob & { readonly job: Job })[];
  readonly retried: (RetriedJob & { readonly job: Job })[];
  readonly released: Job[];
  /** Running jobs that take over the lock of a released lane. */
  readonly lockKeepers: bigint[];
  /** Locks whose next job may run afterwards. */
  readonly locks: Set<string>;
  size: number;
}

export function emptyBatch(): CompletionBatch {
  const lists = { jobs: [], succeeded: [], ended: [], retried: [], released: [] };
  return { ...lists, lockKeepers: [], locks: new Set(), size: 0 };
}

/**
 * Writes a batch, statement by statement; only the first is there under load. Ends come before releases, so that the
 * earlier members of a lane are finished when its lock is given up. Gives the jobs that no longer belonged to this
 * worker.
 */
export async function writeBatch(batch: CompletionBatch, runtime: WorkerRuntime): Promise<Job[]> {
  const { sql, health, options, identity } = runtime;
  const workerId = identity.id;
  const isDeleted = options.deleteJobs;
  const finish = (jobs: readonly Job[]): Promise<Job[]> => health.insist(() => finishJobs(sql, workerId, jobs));
  const end = (jobs: readonly Ended[]): Promise<Ended[]> => health.insist(() => endJobs(sql, workerId, jobs));
  const retry = (jobs: readonly Retried[]): Promise<Retried[]> => health.insist(() => retryJobs(sql, workerId, jobs));
  const remove = <Item extends Lease>(jobs: readonly Item[]): Promise<Item[]> =>
    health.insist(() => finishAndDeleteJobs(sql, workerId, jobs));
  // A job that another table refers to cannot be deleted; it is kept.
  const lost =
    isDeleted === "never" ? await write(batch.succeeded, finish) : await write(batch.succeeded, remove, finish);
  const endPlainly = (jobs: readonly Ended[]): Promise<Ended[]> => end(jobs.map(withoutDetail));
  const lostEnded =
    isDeleted === "always" ? await write(batch.ended, remove, end) : await write(batch.ended, end, endPlainly);
  const lostRetried = await write(batch.retried, retry, (jobs) => retry(jobs.map(withoutDetail)));
  if (batch.released.length > 0) {
    const request = { workerId, jobs: batch.released, lockKeepers: batch.lockKeepers };
    await health.insist(() => releaseJobs(sql, request));
  }
  return [...lost, ...lostEnded.map(({ job }) => job), ...lostRetried.map(({ job }) => job)];
}

type Ended = CompletionBatch["ended"][number];
type Retried = CompletionBatch["retried"][number];

function withoutDetail<Item extends object>(job: Item): Item {
  return { ...job, detail: { message: "The error could not be stored" }, result: undefined };
}

/**
 * Writes jobs and gives those that were lost. Where Postgres refuses something of one of them, they are halved until it
 * is alone, and that one is written in another way: how a job ended must be recorded.
 */
async function write<Item extends Lease>(
  jobs: readonly Item[],
  run: (jobs: readonly Item[]) => Promise<Item[]>,
  otherwise?: (jobs: readonly Item[]) => Promise<Item[]>,
): Promise<Item[]> {
  if (jobs.length === 0) return [];
  try {
    return await run(jobs);
  } catch (error) {
    if (!otherwise || !(error instanceof DatabaseError && error.isDataProblem)) throw error;
    if (jobs.length === 1) return otherwise(jobs);
    const half = Math.ceil(jobs.length / 2);
    return [...(await write(jobs.slice(0, half), run, otherwise)), ...(await write(jobs.slice(half), run, otherwise))];
  }
}
