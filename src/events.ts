import type { Job } from "./job.ts";
import type { Logger } from "./logger.ts";

/** What a worker tells while it works. The names are Procrastinate's log actions where it has one. */
export interface WorkerEventMap {
  start_worker: { readonly worker: string; readonly workerId: bigint; readonly queues: readonly string[] | undefined };
  stopping_worker: { readonly worker: string };
  stop_worker: { readonly worker: string };
  start_job: { readonly job: Job };
  job_success: { readonly job: Job; readonly durationMs: number };
  job_error: { readonly job: Job; readonly error: unknown };
  job_error_retry: { readonly job: Job; readonly error: unknown; readonly delayMs: number };
  job_aborted: { readonly job: Job; readonly error: unknown };
  /** A shutdown ended the run: the job waits again, no attempt is counted. */
  job_interrupted: { readonly job: Job };
  /** The job was given to somebody else, so that what became of it here was not recorded. */
  lease_lost: { readonly job: Job };
  /** A handler ignored its aborted signal; the worker goes on without it. */
  job_abandoned: { readonly job: Job };
  task_not_found: { readonly job: Job };
  jobs_fetched: { readonly count: number; readonly durationMs: number };
  jobs_rescued: { readonly workerIds: readonly bigint[]; readonly rescued: number; readonly ended: number };
  /** No job can run now. */
  idle: { readonly worker: string };
  listening: { readonly channel: string };
  listen_notify_disabled: { readonly connector: string };
  listen_lost: { readonly error: unknown };
  /** There is no listening connection, or nothing is heard on it: the worker polls. Once until there is one. */
  listen_failed: { readonly error: unknown };
  database_lost: { readonly error: unknown };
  database_back: { readonly downMs: number };
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
