import type { Lease } from "../sql/job-row.ts";
import { listWorkerJobs } from "../sql/list-worker-jobs.ts";
import { releaseJobs } from "../sql/release-jobs.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/**
 * Gives back what was claimed for this worker and never reached it: the claim was committed, and the connection was
 * lost before its answer. Nobody else would: the worker lives, so that its jobs are not rescued.
 */
export class ClaimReconciler {
  readonly #runtime: WorkerRuntime;
  readonly #isKnown: (job: Lease) => boolean;
  readonly #onReleased: () => void;
  #isInDoubt = false;

  /** @param isKnown Whether the worker has the job: waiting, running or to be written. */
  constructor(runtime: WorkerRuntime, isKnown: (job: Lease) => boolean, onReleased: () => void) {
    this.#runtime = runtime;
    this.#isKnown = isKnown;
    this.#onReleased = onReleased;
  }

  /** A fetch failed: maybe only its answer was lost. */
  doubt(): void {
    this.#isInDoubt = true;
  }

  /** Call it while no fetch is under way. */
  async reconcile(): Promise<void> {
    if (!this.#isInDoubt) return;
    const { sql, identity } = this.#runtime;
    const held = await listWorkerJobs(sql, identity.id);
    const unknown = held.filter((job) => !this.#isKnown(job));
    if (unknown.length > 0) {
      await releaseJobs(sql, { workerId: identity.id, jobs: unknown, lockKeepers: [] });
      this.#onReleased();
    }
    this.#isInDoubt = false;
  }
}
