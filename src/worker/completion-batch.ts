import type { Job } from "../job.ts";
import type { EndedJob } from "../sql/end-jobs.ts";
import type { ClaimedJob } from "../sql/job-row.ts";
import type { RetriedJob } from "../sql/retry-jobs.ts";

export type Ended = EndedJob & { readonly job: Job };
export type Retried = RetriedJob & { readonly job: Job };

/** Outcomes that are written together, by what has to be written. */
export class CompletionBatch {
  succeeded: Job[] = [];
  ended: Ended[] = [];
  retried: Retried[] = [];
  released: ClaimedJob[] = [];
  /** Running jobs that take over the lock of a released lane. */
  lockKeepers: ClaimedJob[] = [];
  /** Locks whose next job may run afterwards. */
  readonly locks = new Set<string>();

  /** Characters of the results in it. */
  resultLength = 0;

  /** Adds one that succeeded, with what its handler returned. */
  addResult(job: Job, resultJson: string): void {
    const { id, lease } = job;
    this.ended.push({ id, lease, job, status: "succeeded", resultJson });
    this.resultLength += resultJson.length;
  }

  get size(): number {
    return this.succeeded.length + this.ended.length + this.retried.length + this.released.length;
  }

  get isEmpty(): boolean {
    return this.size === 0 && this.locks.size === 0;
  }

  /** All jobs about which something is written. */
  get jobs(): ClaimedJob[] {
    return [...this.succeeded, ...this.ended.map(jobOf), ...this.retried.map(jobOf), ...this.released];
  }

  /**
   * Takes out what can be written while other transactions keep all rows but these locked. What is released goes by
   * lanes, as the lock of one passes from its last member to the one that runs on, and not before a job of its lock
   * that is retried, or it would overtake that one.
   */
  takeUnlocked(free: ReadonlySet<bigint>): CompletionBatch {
    const members = [...this.released, ...this.lockKeepers, ...this.retried.map(jobOf)];
    const heldLocks = new Set(members.filter(({ id }) => !free.has(id)).map(({ lock }) => lock));
    const isFree = ({ id }: { readonly id: bigint }): boolean => free.has(id);
    const isFreeLane = ({ id, lock }: ClaimedJob): boolean => free.has(id) && (lock === null || !heldLocks.has(lock));
    const taken = new CompletionBatch();
    [taken.succeeded, this.succeeded] = partition(this.succeeded, isFree);
    [taken.ended, this.ended] = partition(this.ended, isFree);
    [taken.retried, this.retried] = partition(this.retried, isFree);
    [taken.released, this.released] = partition(this.released, isFreeLane);
    [taken.lockKeepers, this.lockKeepers] = partition(this.lockKeepers, isFreeLane);
    // Who waits for these locks was told when the rest of the batch was written, and found them held.
    for (const { lock } of taken.jobs) if (lock !== null) taken.locks.add(lock);
    return taken;
  }

  /** Takes out what is released of some locks. */
  takeReleased(isWanted: (job: ClaimedJob) => boolean): CompletionBatch {
    const taken = new CompletionBatch();
    [taken.released, this.released] = partition(this.released, isWanted);
    [taken.lockKeepers, this.lockKeepers] = partition(this.lockKeepers, isWanted);
    return taken;
  }

  /** Adds all jobs of another batch. */
  merge(other: CompletionBatch): void {
    this.succeeded.push(...other.succeeded);
    this.ended.push(...other.ended);
    this.retried.push(...other.retried);
    this.released.push(...other.released);
    this.lockKeepers.push(...other.lockKeepers);
  }
}

export function jobOf({ job }: { readonly job: Job }): Job {
  return job;
}

function partition<Item>(items: readonly Item[], isIn: (item: Item) => boolean): [inside: Item[], outside: Item[]] {
  return [items.filter(isIn), items.filter((item) => !isIn(item))];
}
