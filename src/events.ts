import type { AbortReason } from "./errors.ts";
import type { Job } from "./job.ts";
import type { Logger } from "./logger.ts";

/** What a worker tells while it works. The names are Procrastinate's log actions where it has one. */
export interface WorkerEventMap {
  start_worker: { readonly worker: string; readonly workerId: bigint; readonly queues: readonly string[] | undefined };
  stopping_worker: { readonly worker: string };
  stop_worker: { readonly worker: string };
  start_job: { readonly job: Job };
  job_success: { readonly job: Job; readonly durationMs: number };
  /** What the handler returned is no JSON, or too large. The job has succeeded nevertheless. */
  result_not_stored: { readonly job: Job; readonly problem: string };
  job_error: { readonly job: Job; readonly error: unknown };
  job_error_retry: { readonly job: Job; readonly error: unknown; readonly delayMs: number; readonly retryAt?: Date };
  job_aborted: { readonly job: Job; readonly error: unknown };
  /** The job's signal was aborted. */
  abort_job: { readonly job: Job; readonly reason: AbortReason };
  /** The worker was asked to stop, and waits for this job. */
  ending_job: { readonly job: Job };
  /** A shutdown ended the run: the job waits again, no attempt is counted. */
  job_interrupted: { readonly job: Job };
  /** The job was given to somebody else, so that what became of it here was not recorded. */
  lease_lost: { readonly job: Job };
  /** A handler ignored its aborted signal; the worker goes on without it. */
  job_abandoned: { readonly job: Job };
  /** A handler called this after its run had ended: it is not written. Told once a run. */
  note_after_end: { readonly job: Job; readonly method: "progress" | "log" };
  task_not_found: { readonly job: Job };
  jobs_fetched: { readonly count: number; readonly durationMs: number };
  jobs_rescued: { readonly workerIds: readonly bigint[]; readonly rescued: number; readonly ended: number };
  /** No further job of this queue starts. What was paused before the worker started is not told. */
  queue_paused: { readonly queue: string };
  /** The jobs of this queue start again. */
  queue_resumed: { readonly queue: string };
  /** Finished jobs that were older than the app keeps them; `kept` of them could not be deleted. */
  old_jobs_deleted: { readonly deleted: number; readonly kept: number };
  /** A row of the app refers to an old job, so that it cannot be deleted. Told once a walk through the old jobs. */
  old_job_kept: { readonly error: unknown };
  /** No job can run now. */
  idle: { readonly worker: string };
  listening: { readonly channel: string };
  listen_notify_disabled: { readonly connector: string };
  listen_lost: { readonly error: unknown };
  /** There is no listening connection, or nothing is heard on it: the worker polls. Once until there is one. */
  listen_failed: { readonly error: unknown };
  registering_periodic_task: PeriodicTaskName & { readonly cron: string; readonly timezone: string };
  /** Neither the code nor the database has a schedule. */
  periodic_deferrer_no_task: { readonly worker: string };
  periodic_task_deferred: PeriodicTick & { readonly jobId: bigint };
  /** Another worker did it, or is about to. */
  periodic_task_already_deferred: PeriodicTick;
  /** A job with the same queueing lock waits, so that this tick has none. */
  skip_periodic_task_queueing_lock: PeriodicTick;
  /**
   * This tick, and perhaps others before it, was missed and has no job, as `missed` and `maxDelay` of its schedule say: a
   * later one has a job for all of them, or it came too long ago.
   */
  ignore_periodic_task: PeriodicTick;
  /** The arguments could not be made or were refused, or the schedule cannot be read: this worker defers no job. */
  periodic_task_error: PeriodicTick & { readonly error: unknown };
  wait_next_tick: { readonly waitMs: number };
  /** Schedules that left the code some days ago were removed. */
  periodic_tasks_removed: { readonly count: number };
  database_lost: { readonly error: unknown };
  /**
   * Postgres answers, and refuses a statement of the worker: a right is missing, say. Or a long look beside the fetches was
   * given up. Once a minute for each SQLSTATE.
   */
  statement_refused: { readonly error: unknown };
  database_back: { readonly downMs: number };
}

interface PeriodicTaskName {
  readonly taskName: string;
  readonly periodicId: string;
}

interface PeriodicTick extends PeriodicTaskName {
  readonly at: Date;
}

export type WorkerEvent = keyof WorkerEventMap;
type Listener<Name extends WorkerEvent> = (event: WorkerEventMap[Name]) => void;
type Listeners = { [Name in WorkerEvent]?: Listener<Name>[] };

/** Carries the events of one worker to whoever asked for them. A listener that throws is logged and harms nobody. */
export class WorkerEvents {
  readonly #listeners: Listeners = {};
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Calls `listener` at each such event until the returned function is called. */
  on<Name extends WorkerEvent>(name: Name, listener: Listener<Name>): () => void {
    const list: Listener<Name>[] = this.#listeners[name] ?? [];
    list.push(listener);
    this.#listeners[name] = list as Listeners[Name];
    return () => {
      const index = list.indexOf(listener);
      if (index >= 0) list.splice(index, 1);
    };
  }

  /** Whether anybody listens: jobs are too many to make events for nobody. */
  has(name: WorkerEvent): boolean {
    return (this.#listeners[name]?.length ?? 0) > 0;
  }

  emit<Name extends WorkerEvent>(name: Name, event: WorkerEventMap[Name]): void {
    for (const listener of [...(this.#listeners[name] ?? [])]) {
      try {
        listener(event);
      } catch (error) {
        this.#report(name, error);
      }
    }
  }

  #report(event: WorkerEvent, error: unknown): void {
    try {
      this.#logger.error({ action: "listener_error", event, error }, "A listener threw");
    } catch {
      // The logger is a listener too: when it is what threw, there is nowhere to say so.
    }
  }
}
