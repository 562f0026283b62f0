import type { ToldJob } from "../sql/fetch-job.ts";
import type { JobDispatcher } from "./job-dispatcher.ts";
import type { JobFetcher } from "./job-fetcher.ts";
import type { LongScans } from "./long-scans.ts";
import type { QueueList } from "./queue-list.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

interface Parts {
  readonly runtime: WorkerRuntime;
  readonly dispatcher: JobDispatcher;
  readonly fetcher: JobFetcher;
  readonly queues: QueueList;
}

/** Claims the one job that an idle worker was told of, before it looks for others. */
export class ToldJobs {
  readonly #parts: Parts;
  readonly #told: ToldJob[] = [];
  /** Since the last fetch one was claimed before all others: the next fetch comes first. */
  #hasPassedBy = false;

  readonly #scans: LongScans;
  readonly #onClaimed: () => void;

  constructor(parts: Parts, scans: LongScans, onClaimed: () => void) {
    this.#parts = parts;
    this.#scans = scans;
    this.#onClaimed = onClaimed;
  }

  get isEmpty(): boolean {
    return this.#told.length === 0;
  }

  add(queue: string | undefined, id: bigint | undefined): void {
    if (id === undefined || queue === undefined || !this.#parts.queues.serves(queue)) return;
    // Of several, only a fetch knows which one goes first.
    if (this.#told.length < 2) this.#told.push({ id, queue });
  }

  /** A fetch looks at all that waits. */
  fetching(): void {
    this.#hasPassedBy = false;
  }

  /** Starts the job, once between two fetches. Not in the last free slot: where another job goes first, only a fetch knows. */
  async claim(): Promise<boolean> {
    const { runtime, dispatcher, fetcher } = this.#parts;
    if (this.#hasPassedBy) return false;
    const [told, ...more] = this.#told.splice(0);
    const free = dispatcher.free - this.#scans.reservedOf(runtime.options.concurrency);
    if (!told || more.length > 0 || dispatcher.buffered > 0 || free < 2) return false;
    const at = runtime.clock.now();
    const jobs = await fetcher.fetchTold(told);
    if (jobs.length === 0) return false;
    this.#hasPassedBy = true;
    this.#onClaimed();
    dispatcher.add(jobs, at);
    return true;
  }
}
