import { DatabaseError } from "../database-error.ts";
import type { Job } from "../job.ts";
import { deleteAbortedJobs } from "../sql/delete-aborted-jobs.ts";
import { endJobs } from "../sql/end-jobs.ts";
import { findUnlockedJobs } from "../sql/find-unlocked-jobs.ts";
import { finishAndDeleteJobs, finishJobs } from "../sql/finish-jobs.ts";
import type { Lease } from "../sql/job-row.ts";
import { releaseJobs } from "../sql/release-jobs.ts";
import { retryJobs } from "../sql/retry-jobs.ts";
import { CompletionBatch, type Ended, jobOf, type Retried } from "./completion-batch.ts";
import { isDataProblem } from "./database-health.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** What became of the writing of a batch. */
export interface WrittenBatch {
  /** They no longer belonged to this worker. */
  readonly lost: Job[];
  /** Not written, because other transactions keep the rows locked. */
  readonly held: CompletionBatch;
  /** Why some were not written and never will be: they are left to the rescue. */
  readonly errors: unknown[];
}

/** Writes jobs in one statement, and gives those that no longer belonged to the worker. */
type Write<Item> = (jobs: readonly Item[]) => Promise<readonly Item[]>;

/**
 * Writes a batch, statement by statement; only the first is there under load. Ends come before releases, so that the
 * earlier members of a lane are finished when its lock is given up. Never rejects.
 */
export async function writeBatch(batch: CompletionBatch, runtime: WorkerRuntime): Promise<WrittenBatch> {
  const { sql, options, identity } = runtime;
  const { id } = identity;
  const written: WrittenBatch = { lost: [], held: new CompletionBatch(), errors: [] };
  const { lost, held } = written;
  const aborted: bigint[] = [];
  const finish: Write<Job> = (jobs) => finishJobs(sql, id, jobs);
  const remove = <Item extends Lease>(jobs: readonly Item[]): Promise<Item[]> => finishAndDeleteJobs(sql, id, jobs);
  const end: Write<Ended> = (jobs) => endJobs(sql, id, jobs);
  const retryWith =
    (withKeys: boolean): Write<Retried> =>
    async (jobs) => {
      const back = await retryJobs(sql, { workerId: id, jobs, withKeys });
      aborted.push(...back.aborted);
      return back.lost;
    };
  const retry = retryWith(true);
  // Beside a sibling that holds the queueing lock, or is about to.
  const retryBeside = retryWith(false);
  // The first way that Postgres takes. One that another table refers to is not deleted: it is kept.
  const succeededWays = options.deleteJobs === "never" ? [finish] : [remove, finish];
  const endedWays = options.deleteJobs === "always" ? [remove, end, withoutDetail(end)] : [end, withoutDetail(end)];
  const write = new BatchWriter(runtime, written);
  lost.push(...(await write.jobs(batch.succeeded, held.succeeded, succeededWays)));
  lost.push(...(await write.jobs(batch.ended, held.ended, endedWays)).map(jobOf));
  lost.push(
    ...(await write.jobs(batch.retried, held.retried, [retry, retryBeside, withoutDetail(retryBeside)])).map(jobOf),
  );
  const retriedLocks = new Set(held.retried.map(({ job }) => job.lock));
  if (held.retried.length > 0) held.merge(batch.takeReleased(({ lock }) => lock !== null && retriedLocks.has(lock)));
  aborted.push(...(await write.releases(batch, true)));
  if (options.deleteJobs === "always" && aborted.length > 0) {
    await runtime.health.insist(() => deleteAbortedJobs(sql, aborted)).catch((error) => written.errors.push(error));
  }
  return written;
}

/** Sees to it that what can be written is, where Postgres refuses some of it. */
class BatchWriter {
  readonly #runtime: WorkerRuntime;
  readonly #written: WrittenBatch;

  constructor(runtime: WorkerRuntime, written: WrittenBatch) {
    this.#runtime = runtime;
    this.#written = written;
  }

  /**
   * Writes jobs and gives those that were lost. Where Postgres refuses something of a job, the list is halved until
   * that one is alone, and it is written in the next way: how a job ended must be recorded. Where rows are locked, they
   * go to `held` and the others are written.
   */
  async jobs<Item extends Lease>(jobs: readonly Item[], held: Item[], ways: readonly Write<Item>[]): Promise<Item[]> {
    const [way, ...otherWays] = ways;
    if (jobs.length === 0 || !way) return [];
    try {
      return [...(await this.#runtime.health.insist(() => way(jobs)))];
    } catch (error) {
      if (isLocked(error)) return this.#besidesLocked(jobs, held, ways);
      const isRefused = isDataProblem(error);
      if (isRefused && jobs.length === 1 && otherWays.length > 0) return this.jobs(jobs, held, otherWays);
      if (isRefused && jobs.length > 1) {
        const half = Math.ceil(jobs.length / 2);
        const lost = await this.jobs(jobs.slice(0, half), held, ways);
        return [...lost, ...(await this.jobs(jobs.slice(half), held, ways))];
      }
      this.#written.errors.push(error);
      return [];
    }
  }

  async #besidesLocked<Item extends Lease>(
    jobs: readonly Item[],
    held: Item[],
    ways: readonly Write<Item>[],
  ): Promise<Item[]> {
    const free = await this.#findUnlocked(jobs);
    const locked = jobs.filter(({ id }) => !free.has(id));
    if (locked.length > 0) {
      held.push(...locked);
      const unlocked = jobs.filter(({ id }) => free.has(id));
      return this.jobs(unlocked, held, ways);
    }
    // It waited for something else: a sibling's queueing lock, or a row of another table that refers to a job.
    if (ways.length > 1) return this.jobs(jobs, held, ways.slice(1));
    held.push(...jobs);
    return [];
  }

  /** Gives jobs back, and gives the ids of those that ended instead because their abort was requested. */
  async releases(batch: CompletionBatch, withKeys: boolean): Promise<readonly bigint[]> {
    const { released: jobs, lockKeepers } = batch;
    if (jobs.length === 0) return [];
    const { sql, identity, health } = this.#runtime;
    try {
      return (await health.insist(() => releaseJobs(sql, { workerId: identity.id, jobs, lockKeepers, withKeys })))
        .aborted;
    } catch (error) {
      if (!isLocked(error)) {
        this.#written.errors.push(error);
        return [];
      }
      const part = new CompletionBatch();
      part.released.push(...jobs);
      part.lockKeepers.push(...lockKeepers);
      const unlocked = part.takeUnlocked(await this.#findUnlocked([...jobs, ...lockKeepers]));
      this.#written.held.merge(part);
      if (part.size > 0 || withKeys) return this.releases(unlocked, withKeys && part.size > 0);
      this.#written.held.merge(unlocked);
      return [];
    }
  }

  /** None when the database does not answer any more: all are then held. */
  #findUnlocked(jobs: readonly Lease[]): Promise<ReadonlySet<bigint>> {
    const ids = jobs.map(({ id }) => id);
    return this.#runtime.health.insist(() => findUnlockedJobs(this.#runtime.sql, ids)).catch(() => new Set());
  }
}

function isLocked(error: unknown): boolean {
  return error instanceof DatabaseError && error.isLocked;
}

/** An error that cannot be stored is left out. For one job alone. */
function withoutDetail<Item extends object>(write: Write<Item>): Write<Item> {
  const detail = { message: "The error could not be stored" };
  return async (jobs) => {
    const lost = await write(jobs.map((job) => ({ ...job, detail, resultJson: undefined })));
    return lost.length > 0 ? jobs : [];
  };
}
