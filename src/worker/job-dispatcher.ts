import type { Job } from "../job.ts";
import type { Lease } from "../sql/job-row.ts";
import type { JobCompleter } from "./job-completer.ts";
import type { JobExecutor } from "./job-executor.ts";
import type { PausedQueues } from "./paused-queues.ts";
import type { PrefetchGauge } from "./prefetch-gauge.ts";
import { reportOutcome } from "./report-outcome.ts";
import type { Outcome } from "./run-outcome.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** Claimed jobs that take one slot: a single one, or a lane of one lock that runs one after the other. */
interface Lane {
  readonly jobs: Job[];
  readonly priority: number;
  readonly claimedAt: number;
  readonly receivedAt: number;
}

export interface DispatcherParts {
  readonly runtime: WorkerRuntime;
  readonly executor: JobExecutor;
  readonly completer: JobCompleter;
  readonly gauge: PrefetchGauge;
  readonly paused: PausedQueues;
  /** A slot or room for prefetched jobs became free. */
  readonly onCapacity: () => void;
  /** A run lost its lease, whose job was claimed anew here and left to it: nobody runs that one. */
  readonly onOrphaned: () => void;
}

/** Keeps the claimed jobs, starts them as slots become free, and hands their outcomes to the completer. */
export class JobDispatcher {
  readonly #parts: DispatcherParts;
  #waiting: Lane[] = [];
  readonly #active = new Map<Lane, { readonly job: Job; readonly startedAt: number }>();
  /** Lanes whose handler was given up inside the transaction that completes its job: their lock stays taken. */
  readonly #parked = new Map<Lane, { readonly job: Job }>();
  #buffered = 0;
  /** The highest id so far. */
  #newest = 0n;
  /** Claimed anew while it ran. */
  readonly #claimedAnew = new Set<bigint>();
  #ended = 0;
  #stopped = false;
  readonly #onIdle: (() => void)[] = [];

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
  }

  get free(): number {
    return this.#parts.runtime.options.concurrency - this.#active.size;
  }

  /** Claimed jobs that wait for a slot. Those behind a running one of their lock do not: no other slot may take them. */
  get buffered(): number {
    return this.#buffered;
  }

  /** Whether a handler that was given up is still inside the transaction that completes its job. */
  get hasParked(): boolean {
    return this.#parked.size > 0;
  }

  get isIdle(): boolean {
    return this.#active.size === 0 && this.#waiting.length === 0;
  }

  /** How many jobs ended since the start. */
  get ended(): number {
    return this.#ended;
  }

  /** Whether the job waits or runs here. */
  holds({ id, lease }: Lease): boolean {
    const isIt = (job: Job): boolean => job.id === id && job.lease === lease;
    const has = (lane: Lane): boolean => lane.jobs.some(isIt);
    if (this.#waiting.some(has)) return true;
    for (const running of [this.#active, this.#parked]) {
      for (const [lane, current] of running) if (isIt(current.job) || has(lane)) return true;
    }
    return false;
  }

  /**
   * Takes claimed jobs, in the order in which they should run.
   *
   * @param claimedAt When their claim was sent: it may have been made any time since.
   */
  add(claimed: readonly Job[], claimedAt: number): void {
    const jobs = this.#withoutHeld(claimed);
    if (jobs.length === 0) return;
    if (this.#stopped) {
      this.#parts.completer.release(jobs);
      return;
    }
    const lanes = new Map<string, Lane>();
    const receivedAt = this.#parts.runtime.clock.now();
    const lowest = this.#waiting.at(-1)?.priority ?? Number.POSITIVE_INFINITY;
    for (const job of jobs) {
      const lane = job.lock === null ? undefined : lanes.get(job.lock);
      if (lane) lane.jobs.push(job);
      else {
        const first = { jobs: [job], priority: job.priority, claimedAt, receivedAt };
        if (job.lock !== null) lanes.set(job.lock, first);
        this.#waiting.push(first);
      }
    }
    this.#buffered += jobs.length;
    // A stable sort: what was claimed earlier goes first among equals.
    if ((jobs[0]?.priority ?? 0) > lowest) this.#waiting.sort((a, b) => b.priority - a.priority);
    // Its fetch may have begun before a queue was paused.
    if (!this.#parts.paused.isEmpty) this.releasePaused();
    this.dispatch();
  }

  /**
   * Leaves out what waits, runs or is being written here under the same lease: a crash of Postgres took its claim back, and
   * it was claimed anew. It must not run twice at once; the run that there is will end it, as both claims have one lease.
   */
  #withoutHeld(jobs: readonly Job[]): readonly Job[] {
    const before = this.#newest;
    for (const { id } of jobs) if (id > this.#newest) this.#newest = id;
    // Most claims are of jobs that are newer than all before.
    if (jobs.every(({ id }) => id > before)) return jobs;
    const held = new Set(this.#waiting.flatMap((lane) => lane.jobs.map(({ id }) => id)));
    for (const running of [this.#active, this.#parked]) for (const { job } of running.values()) held.add(job.id);
    const unwritten = new Map(this.#parts.completer.unwritten.map(({ id, lease }) => [id, lease]));
    return jobs.filter((job) => {
      if (unwritten.get(job.id) === job.lease) return false;
      const isHeld = held.has(job.id) && this.holds(job);
      if (isHeld) this.#claimedAnew.add(job.id);
      return !isHeld;
    });
  }

  /** Starts as many as there are free slots. */
  dispatch(): void {
    while (!this.#stopped && this.free > 0 && !this.#parts.completer.isOverloaded) {
      const lane = this.#waiting.shift();
      if (!lane) return;
      this.#buffered -= lane.jobs.length;
      void this.#run(lane);
    }
  }

  /**
   * Gives jobs back that have been waiting here for longer than this: for a slot, or behind a job of their lock that
   * turned out to be long. They were fetched ahead for jobs that are over in milliseconds. Their claim itself may take
   * seconds, with large arguments: no reason to give them back unstarted.
   */
  releaseOlderThan(ms: number): void {
    const before = this.#parts.runtime.clock.now() - ms;
    const given = this.#giveBack((lane) => lane.receivedAt < before);
    for (const [lane, current] of this.#active) if (current.startedAt < before) this.#cut(lane, current.job);
    if (given === 0) return;
    // Or they would be fetched again at once, and kept from workers that have free slots.
    this.#parts.gauge.stalled();
    this.#parts.onCapacity();
  }

  /** Gives claimed jobs of paused queues back that have not started, and what waits with them for the same lock. */
  releasePaused(): void {
    const { paused } = this.#parts;
    const isPaused = ({ jobs }: Lane): boolean => jobs.some(({ queue }) => paused.has(queue));
    this.#giveBack(isPaused);
    for (const [lane, current] of this.#active) if (isPaused(lane)) this.#cut(lane, current.job);
  }

  /** Starts no further jobs, gives back what still comes, and those that have not started, also of the lanes that are running. */
  stop(): void {
    this.#stopped = true;
    this.#giveBack(() => true);
    for (const [lane, current] of this.#active) this.#cut(lane, current.job);
  }

  /** Resolves when no job runs any more. */
  async drained(): Promise<void> {
    if (this.#active.size === 0) return;
    await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  /** Gives back the lanes that wait for a slot, if they are such. @returns How many jobs these are. */
  #giveBack(isSuch: (lane: Lane) => boolean): number {
    const jobs = this.#waiting.filter(isSuch).flatMap((lane) => lane.jobs);
    this.#waiting = this.#waiting.filter((lane) => !isSuch(lane));
    this.#buffered -= jobs.length;
    this.#parts.completer.release(jobs);
    return jobs.length;
  }

  /** Gives back what follows in a lane. `keeper` runs on under its lock. */
  #cut(lane: Lane, keeper?: Job): void {
    this.#parts.completer.release(lane.jobs.splice(0), keeper);
  }

  async #run(lane: Lane): Promise<void> {
    const { runtime, executor } = this.#parts;
    for (let job = lane.jobs.shift(); job; job = lane.jobs.shift()) {
      const startedAt = runtime.clock.now();
      this.#active.set(lane, { job, startedAt });
      const outcome = await executor.execute(job, lane.claimedAt);
      if (outcome.kind === "undecided") {
        void this.#park(lane, job, startedAt, outcome.decided);
        break;
      }
      this.#end(lane, job, startedAt, outcome);
    }
    this.#active.delete(lane);
    if (this.#active.size === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
    this.dispatch();
    this.#parts.onCapacity();
  }

  #end(lane: Lane, job: Job, startedAt: number, outcome: Outcome): void {
    const { runtime, completer, gauge } = this.#parts;
    const durationMs = runtime.clock.now() - startedAt;
    gauge.jobEnded(durationMs);
    this.#ended++;
    reportOutcome(runtime.events, job, outcome, durationMs);
    if (this.#claimedAnew.delete(job.id) && outcome.kind === "lost") this.#parts.onOrphaned();
    // The job goes back to the head of its lock, so those behind it must not overtake it.
    const cut = lockStaysOurs(outcome) ? [] : lane.jobs.splice(0);
    completer.add(job, outcome, lane.jobs.length === 0, cut);
  }

  /** Frees the slot of a lane; when its handler ends after all, the lane goes on. */
  async #park(lane: Lane, job: Job, startedAt: number, decided: Promise<Outcome>): Promise<void> {
    this.#parked.set(lane, { job });
    const outcome = await decided;
    this.#parked.delete(lane);
    this.#end(lane, job, startedAt, outcome);
    if (this.#stopped) return this.#cut(lane);
    if (lane.jobs.length === 0) return;
    this.#waiting.unshift(lane);
    this.#buffered += lane.jobs.length;
    if (!this.#parts.paused.isEmpty) this.releasePaused();
    this.dispatch();
  }
}

function lockStaysOurs(outcome: Outcome): boolean {
  return (
    outcome.kind === "succeeded" ||
    outcome.kind === "completed" ||
    outcome.kind === "failed" ||
    outcome.kind === "aborted"
  );
}
