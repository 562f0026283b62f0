import type { WorkerEvent, WorkerEventMap, WorkerEvents } from "./events.ts";
import type { Job } from "./job.ts";
import type { Logger, LogLevel } from "./logger.ts";

type Line<Name extends WorkerEvent> = readonly [level: LogLevel, message: (event: WorkerEventMap[Name]) => string];

/** How each event is logged. Arguments are never part of it: they may be secret. */
const LINES: { readonly [Name in WorkerEvent]?: Line<Name> } = {
  start_worker: ["info", ({ queues }) => `Starting worker on ${queues?.join(", ") ?? "all queues"}`],
  stopping_worker: ["info", () => "Stop requested"],
  stop_worker: ["info", () => "Stopped worker"],
  start_job: ["debug", ({ job }) => `Starting job ${label(job)}`],
  job_success: ["debug", ({ job, durationMs }) => `Job ${label(job)} succeeded after ${durationMs.toFixed(0)} ms`],
  job_error: ["error", ({ job, error }) => `Job ${label(job)} failed: ${messageOf(error)}`],
  job_error_retry: [
    "warn",
    ({ job, error, delayMs }) =>
      `Job ${label(job)} failed and runs again in ${delayMs.toFixed(0)} ms: ${messageOf(error)}`,
  ],
  job_aborted: ["info", ({ job }) => `Job ${label(job)} was aborted`],
  job_interrupted: ["info", ({ job }) => `Job ${label(job)} was interrupted and waits again`],
  lease_lost: ["warn", ({ job }) => `Job ${label(job)} no longer belongs to this worker`],
  job_abandoned: ["error", ({ job }) => `Job ${label(job)} ignores its signal; the worker goes on without it`],
  task_not_found: ["error", ({ job }) => `No task here is named ${job.taskName}: job ${job.id} fails`],
  jobs_rescued: [
    "warn",
    ({ workerIds, rescued, ended }) => `Took jobs back from dead workers: ${rescued + ended} from ${workerIds.length}`,
  ],
  listen_notify_disabled: [
    "warn",
    ({ connector }) => `The ${connector} connector cannot LISTEN here: the worker polls`,
  ],
  listen_lost: ["warn", ({ error }) => `The listening connection is lost, polling meanwhile: ${messageOf(error)}`],
  listen_failed: ["warn", ({ error }) => `Cannot LISTEN, polling instead: ${messageOf(error)}`],
  database_lost: ["error", ({ error }) => `The database does not answer, trying on: ${messageOf(error)}`],
  database_back: ["info", ({ downMs }) => `The database is back after ${downMs.toFixed(0)} ms`],
};

/** Turns the events of a worker into log lines: the only place where one becomes the other. */
export function logEvents(events: WorkerEvents, logger: Logger): void {
  for (const name of Object.keys(LINES) as WorkerEvent[]) subscribe(name, events, logger);
}

function subscribe<Name extends WorkerEvent>(name: Name, events: WorkerEvents, logger: Logger): void {
  const line: Line<Name> | undefined = LINES[name];
  if (!line || logger.isLevelEnabled?.(line[0]) === false) return;
  const [level, message] = line;
  events.on(name, (event) => logger[level]({ action: name, ...fieldsOf(event) }, message(event)));
}

function fieldsOf(event: object): Record<string, unknown> {
  const { job, ...fields } = event as { job?: Job };
  if (!job) return fields;
  const { id, taskName, queue, lock, attempts } = job;
  return { ...fields, job: { id: String(id), task: taskName, queue, lock, attempts } };
}

function label(job: Job): string {
  return `${job.taskName}[${job.id}]`;
}

/** Whatever was thrown: errors, null, strings. */
export function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    // An object without a prototype, or one whose toString throws.
    return typeof error;
  }
}
