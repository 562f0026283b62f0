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
  const finish = options.deleteJobs === "never" ? finishJobs : finishAndDeleteJobs;
  const lost: Job[] = [];

  if (batch.succeeded.length > 0) lost.push(...(await health.insist(() => finish(sql, workerId, batch.succeeded))));
  if (batch.ended.length > 0) {
    const gone =
      options.deleteJobs === "always"
        ? await health.insist(() => finishAndDeleteJobs(sql, workerId, batch.ended))
        : await storable(batch.ended, (jobs) => health.insist(() => endJobs(sql, workerId, jobs)));
    lost.push(...gone.map(({ job }) => job));
  }
  if (batch.retried.length > 0) {
    const gone = await storable(batch.retried, (jobs) => health.insist(() => retryJobs(sql, workerId, jobs)));
    lost.push(...gone.map(({ job }) => job));
  }
  if (batch.released.length > 0) {
    const request = { workerId, jobs: batch.released, lockKeepers: batch.lockKeepers };
    await health.insist(() => releaseJobs(sql, request));
  }
  return lost;
}

/**
 * Writes jobs with details of theirs. Where Postgres refuses such a detail, each job is written alone, and the one
 * that is still refused without it: how a job ended must be recorded whatever its error says.
 */
async function storable<Item extends Lease & { readonly detail?: unknown }>(
  items: readonly Item[],
  write: (items: readonly Item[]) => Promise<Item[]>,
): Promise<Item[]> {
  try {
    return await write(items);
  } catch (error) {
    if (!(error instanceof DatabaseError && error.isDataProblem)) throw error;
    const [only] = items;
    if (items.length === 1 && only)
      return write([{ ...only, detail: { message: "The error could not be stored" }, result: undefined }]);
    const lost: Item[] = [];
    for (const item of items) lost.push(...(await storable([item], write)));
    return lost;
  }
}
