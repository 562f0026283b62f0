import { messageOf } from "./describe.ts";
import type { WorkerEvent, WorkerEventMap, WorkerEvents } from "./events.ts";
import type { Job } from "./job.ts";
import type { Logger, LogLevel } from "./logger.ts";

type Line<Name extends WorkerEvent> = readonly [level: LogLevel, message: (event: WorkerEventMap[Name]) => string];

/** How each event is logged. Arguments are never part of it: they may be secret. */
const LINES: { readonly [Name in WorkerEvent]: Line<Name> } = {
  start_worker: ["info", ({ queues }) => `Starting worker on ${queues?.join(", ") ?? "all queues"}`],
  stopping_worker: ["info", () => "Stop requested"],
  stop_worker: ["info", () => "Stopped worker"],
  start_job: ["debug", ({ job }) => `Starting job ${label(job)}`],
  job_success: ["debug", ({ job, durationMs }) => `Job ${label(job)} succeeded after ${durationMs.toFixed(0)} ms`],
  result_not_stored: ["warn", ({ job, problem }) => `The result of job ${label(job)} is not stored: it ${problem}`],
  job_error: ["error", ({ job, error }) => `Job ${label(job)} failed: ${messageOf(error)}`],
  job_error_retry: [
    "warn",
    ({ job, error, delayMs, retryAt }) =>
      `Job ${label(job)} failed and runs again ${retryAt ? `at ${retryAt.toISOString()}` : `in ${delayMs.toFixed(0)} ms`}: ${messageOf(error)}`,
  ],
  job_aborted: ["info", ({ job }) => `Job ${label(job)} was aborted`],
  abort_job: ["info", ({ job, reason }) => `Asking job ${label(job)} to stop: ${reason}`],
  ending_job: ["info", ({ job }) => `Waiting for job ${label(job)} to end`],
  job_interrupted: ["info", ({ job }) => `Job ${label(job)} was interrupted and waits again`],
  lease_lost: ["warn", ({ job }) => `Job ${label(job)} no longer belongs to this worker`],
  job_abandoned: ["error", ({ job }) => `Job ${label(job)} ignores its signal; the worker goes on without it`],
  note_after_end: [
    "warn",
    ({ job, method }) =>
      `Job ${label(job)} called context.${method} after its run had ended: await in the handler what it starts`,
  ],
  task_not_found: ["error", ({ job }) => `No task here is named ${job.taskName}: job ${job.id} fails`],
  jobs_fetched: ["debug", ({ count, durationMs }) => `Fetched ${count} jobs in ${durationMs.toFixed(1)} ms`],
  jobs_rescued: [
    "warn",
    ({ workerIds, rescued, ended }) => `Took jobs back from dead workers: ${rescued + ended} from ${workerIds.length}`,
  ],
  registering_periodic_task: ["debug", (event) => `Schedule ${scheduleOf(event)} is ${event.cron} ${event.timezone}`],
  periodic_deferrer_no_task: ["debug", () => "No task has a schedule"],
  periodic_task_deferred: ["info", (event) => `Deferred job ${event.jobId} for ${tickOf(event)}`],
  periodic_task_already_deferred: ["debug", (event) => `Another worker deferred ${tickOf(event)}`],
  skip_periodic_task_queueing_lock: [
    "info",
    (event) => `No job for ${tickOf(event)}: one with the same queueing lock waits`,
  ],
  ignore_periodic_task: [
    "info",
    (event) => `No job for ${tickOf(event)}: it was missed, and a later one has a job for it, or it came too long ago`,
  ],
  periodic_task_error: ["error", (event) => `No job for ${tickOf(event)}: ${messageOf(event.error)}`],
  wait_next_tick: ["debug", ({ waitMs }) => `Looks for ticks again in ${waitMs.toFixed(0)} ms`],
  periodic_tasks_removed: ["info", ({ count }) => `Removed ${count} schedules that left the code`],
  idle: ["debug", () => "No job can run now"],
  listening: ["debug", ({ channel }) => `Listening on ${channel}`],
  queue_paused: ["info", ({ queue }) => `Queue ${queue} is paused`],
  queue_resumed: ["info", ({ queue }) => `Queue ${queue} is resumed`],
  old_jobs_deleted: ["info", ({ deleted, kept }) => `Deleted ${deleted} old jobs${kept > 0 ? `, kept ${kept}` : ""}`],
  old_job_kept: ["warn", ({ error }) => `An old job cannot be deleted: ${messageOf(error)}`],
  listen_notify_disabled: [
    "warn",
    ({ connector }) => `The ${connector} connector cannot LISTEN here: the worker polls`,
  ],
  listen_lost: ["warn", ({ error }) => `The listening connection is lost, polling meanwhile: ${messageOf(error)}`],
  listen_failed: ["warn", ({ error }) => `Cannot LISTEN, polling instead: ${messageOf(error)}`],
  database_lost: ["error", ({ error }) => `The database is lost, trying on: ${messageOf(error)}`],
  statement_refused: ["error", ({ error }) => `Postgres refuses a statement, trying on: ${messageOf(error)}`],
  database_back: ["info", ({ downMs }) => `The database is back after ${downMs.toFixed(0)} ms`],
};

/** Turns the events of a worker into log lines: the only place where one becomes the other. */
export function logEvents(events: WorkerEvents, logger: Logger): void {
  for (const name of Object.keys(LINES) as WorkerEvent[]) subscribe(name, events, logger);
}

function subscribe<Name extends WorkerEvent>(name: Name, events: WorkerEvents, logger: Logger): void {
  const line: Line<Name> = LINES[name];
  if (logger.isLevelEnabled?.(line[0]) === false) return;
  const [level, message] = line;
  events.on(name, (event) => logger[level]({ action: name, ...fieldsOf(event) }, message(event)));
}

function fieldsOf(event: object): Record<string, unknown> {
  const { job, ...given } = event as { job?: Job };
  const fields = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, withoutBigints(value)]));
  if (!job) return fields;
  const { id, taskName, queue, lock, attempts } = job;
  return { ...fields, job: { id: String(id), task: taskName, queue, lock, attempts } };
}

/** Ids become texts: a logger that calls JSON.stringify would throw. */
function withoutBigints(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  return Array.isArray(value) ? value.map(withoutBigints) : value;
}

type Schedule = { readonly taskName: string; readonly periodicId: string };

function scheduleOf({ taskName, periodicId }: Schedule): string {
  return periodicId === "" ? taskName : `${taskName}[${periodicId}]`;
}

function tickOf(tick: Schedule & { readonly at: Date }): string {
  return `${scheduleOf(tick)} at ${tick.at.toISOString()}`;
}

function label(job: Job): string {
  return `${job.taskName}[${job.id}]`;
}
