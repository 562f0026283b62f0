import type { ClaimedJob, Lease } from "../sql/job-row.ts";
import { listWorkerJobs } from "../sql/list-worker-jobs.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/**
 * Gives back what was claimed for this worker and never reached it: the claim was committed, and the connection was
 * lost before its answer. Nobody else would: the worker lives, so that its jobs are not rescued.
 */
export class ClaimReconciler {
  readonly #runtime: WorkerRuntime;
  readonly #isKnown: (job: Lease) => boolean;
  readonly #release: (jobs: readonly ClaimedJob[]) => void;
  #isInDoubt = false;

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

  /** A fetch failed: maybe only its answer was lost. */
  doubt(): void {
    this.#isInDoubt = true;
  }

  /** Call it while no fetch is under way. */
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
      throw error;
    }
  }
}
