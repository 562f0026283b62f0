import { DatabaseError } from "../database-error.ts";
import type { ClaimedJob, Lease } from "../sql/job-row.ts";
import { listWorkerJobs } from "../sql/list-worker-jobs.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** How soon to look again after a refusal: with a long backlog the look may take more than a statement of the session may. */
const REFUSED_MS = 60_000;

/**
 * Gives back what was claimed for this worker and never reached it: the claim was committed, and the connection was
 * lost before its answer. Nobody else would: the worker lives, so that its jobs are not rescued.
 */
export class ClaimReconciler {
  readonly #runtime: WorkerRuntime;
  readonly #isKnown: (job: Lease) => boolean;
  readonly #release: (jobs: readonly ClaimedJob[]) => void;
  #isInDoubt = false;
  #looksAt = Number.NEGATIVE_INFINITY;

  /** @param isKnown Whether the worker has the job: waiting, running or to be written. */
  constructor(
    runtime: WorkerRuntime,
    isKnown: (job: Lease) => boolean,
    release: (jobs: readonly ClaimedJob[]) => void,
  ) {
    this.#runtime = runtime;
    this.#isKnown = isKnown;
    this.#release = release;
  }

  get isInDoubt(): boolean {
    return this.#isInDoubt;
  }

  /** In doubt, and not just refused. */
  get isDue(): boolean {
    return this.#isInDoubt && this.#runtime.clock.now() >= this.#looksAt;
  }

  /** Some jobs may be claimed for this worker that it does not know of. */
  doubt(): void {
    this.#isInDoubt = true;
  }

  /** Something about a fetch failed: maybe only the answer was lost. */
  failed(error: unknown): void {
    if (!(error instanceof DatabaseError) || !error.isRefusal) this.doubt();
  }

  /** Call it while no fetch is under way. Refused, it stays in doubt, and the worker goes on. */
  async reconcile(): Promise<void> {
    if (!this.#isInDoubt) return;
    const { sql, identity } = this.#runtime;
    // Before it looks: what is in doubt from now on may be claimed too late to be seen.
    this.#isInDoubt = false;
    try {
      const held = await listWorkerJobs(sql, identity.id);
      this.#release(held.filter((job) => !this.#isKnown(job)));
    } catch (error) {
      this.#isInDoubt = true;
      if (!(error instanceof DatabaseError) || error.isConnectionLoss || error.isTransient) throw error;
      const { clock, random, health } = this.#runtime;
      this.#looksAt = clock.now() + REFUSED_MS * (0.5 + random());
      health.failed(error);
    }
  }
}
