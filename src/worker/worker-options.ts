import { type Duration, durationToMs } from "../duration.ts";
import { InvalidOptionError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { checkBoolean, checkFunctions, checkInteger, checkKnownOptions, checkName } from "../option-checks.ts";
import { type ContextValue, ContextValues } from "../task/context-key.ts";
import type { JobMiddleware } from "../task/middleware.ts";

/** Which finished jobs are deleted at once: none, the succeeded ones, or all. */
export type DeleteJobs = "never" | "successful" | "always";

export interface WorkerOptions {
  /** Shown in logs and in the workers table; need not be unique. Default: `worker`. */
  readonly name?: string;
  /** The queues to take jobs from. Default: all. */
  readonly queues?: readonly string[];
  /** How many jobs run at the same time, 1 to 10,000. Default: 1. */
  readonly concurrency?: number;
  /** `false`: stop as soon as no job can run now, instead of waiting for more. Default: `true`. */
  readonly wait?: boolean;
  /** The longest time between two looks for jobs. Default: 5 s; 1 s where the database cannot be listened to. */
  readonly pollingInterval?: Duration;
  /**
   * The longest time until a running job learns that its abort was requested, where no notification tells it. What is
   * requested in the first second of a run may take a second more, and twice the time where that is shorter. Default: 5 s.
   */
  readonly abortPollingInterval?: Duration;
  /** How long running jobs may go on after a stop was requested, before their signal is aborted. Default: 25 s. */
  readonly shutdownGrace?: Duration;
  /** How long a handler may ignore its aborted signal before the worker goes on without it. Default: 30 s. */
  readonly abandonAfter?: Duration;
  /** Wake up on notifications. Default: `true`. */
  readonly listen?: boolean;
  /** Default: `never`. */
  readonly deleteJobs?: DeleteJobs;
  /** How often the worker says that it lives. Default: 10 s. */
  readonly heartbeatInterval?: Duration;
  /** A worker without a heartbeat for this long is dead: others take its jobs. The same for all workers. Default: 30 s. */
  readonly stalledAfter?: Duration;
  /** How often a job may be taken back from dead workers before it fails, 0 to 1,000. Default: 3. */
  readonly maxRescues?: number;
  /** How many short jobs may be fetched ahead of the free slots, 0 to 10,000. Long jobs never are. Default: 2,000. */
  readonly maxPrefetch?: number;
  /** Wraps the run of every job, outside the task's own middleware; the first one is outermost. Default: none. */
  readonly middleware?: readonly JobMiddleware[];
  /** What handlers get from `context.get(key)`: a list of `key.with(value)`. Default: nothing. */
  readonly context?: readonly ContextValue[];
  /** Logs this worker. Default: the app's logger. */
  readonly logger?: Logger;
  /** Stop on the first SIGTERM or SIGINT; the second one ends the process at once. Default: `true`. */
  readonly installSignalHandlers?: boolean;
}

export interface ResolvedWorkerOptions {
  readonly name: string;
  readonly queues: readonly string[] | undefined;
  readonly concurrency: number;
  readonly wait: boolean;
  readonly pollingIntervalMs: number | undefined;
  readonly abortPollingIntervalMs: number;
  readonly shutdownGraceMs: number;
  readonly abandonAfterMs: number;
  readonly listen: boolean;
  readonly deleteJobs: DeleteJobs;
  readonly heartbeatIntervalMs: number;
  readonly stalledAfterMs: number;
  readonly maxRescues: number;
  readonly maxPrefetch: number;
  readonly middleware: readonly JobMiddleware[];
  readonly context: ContextValues;
  readonly installSignalHandlers: boolean;
}

const DEFAULTS = {
  name: "worker",
  concurrency: 1,
  wait: true,
  abortPollingInterval: { seconds: 5 },
  shutdownGrace: { seconds: 25 },
  abandonAfter: { seconds: 30 },
  listen: true,
  deleteJobs: "never",
  heartbeatInterval: { seconds: 10 },
  stalledAfter: { seconds: 30 },
  maxRescues: 3,
  maxPrefetch: 2000,
  middleware: [],
  context: [],
  installSignalHandlers: true,
} as const satisfies WorkerOptions;

export const WORKER_OPTION_NAMES = [...Object.keys(DEFAULTS), "queues", "pollingInterval", "logger"];

/** @throws InvalidOptionError when an option is unknown or out of its bounds. */
export function resolveWorkerOptions(given: WorkerOptions): ResolvedWorkerOptions {
  checkKnownOptions("worker", given, WORKER_OPTION_NAMES);
  const options = { ...DEFAULTS, ...withoutUndefined(given) };
  const heartbeatIntervalMs = checkInterval("heartbeatInterval", options.heartbeatInterval);
  const stalledAfterMs = checkInterval("stalledAfter", options.stalledAfter);
  if (stalledAfterMs < 2 * heartbeatIntervalMs) {
    const fix = `ms is less than two heartbeats of ${heartbeatIntervalMs} ms: living workers would be taken for dead.`;
    throw new InvalidOptionError("stalledAfter", stalledAfterMs, fix);
  }
  return {
    name: checkName("name", options.name),
    queues: checkQueues(options.queues),
    concurrency: checkInteger("concurrency", options.concurrency, 1, 10_000),
    wait: checkBoolean("wait", options.wait),
    pollingIntervalMs:
      options.pollingInterval === undefined ? undefined : checkInterval("pollingInterval", options.pollingInterval),
    abortPollingIntervalMs: checkInterval("abortPollingInterval", options.abortPollingInterval),
    shutdownGraceMs: durationToMs(options.shutdownGrace, "shutdownGrace"),
    abandonAfterMs: durationToMs(options.abandonAfter, "abandonAfter"),
    listen: checkBoolean("listen", options.listen),
    deleteJobs: checkDeleteJobs(options.deleteJobs),
    heartbeatIntervalMs,
    stalledAfterMs,
    maxRescues: checkInteger("maxRescues", options.maxRescues, 0, 1000),
    maxPrefetch: checkInteger("maxPrefetch", options.maxPrefetch, 0, 10_000),
    middleware: checkFunctions("middleware", options.middleware),
    context: new ContextValues(options.context),
    installSignalHandlers: checkBoolean("installSignalHandlers", options.installSignalHandlers),
  };
}

/** `{ queues: undefined }` means the default, as leaving it out does. */
function withoutUndefined(options: WorkerOptions): WorkerOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function checkInterval(option: string, duration: Duration): number {
  const ms = durationToMs(duration, option);
  if (ms >= 10) return ms;
  throw new InvalidOptionError(option, ms, "ms is less than 10 ms.");
}

function checkQueues(queues: readonly string[] | undefined): readonly string[] | undefined {
  if (queues === undefined) return undefined;
  if (!Array.isArray(queues) || queues.length === 0) {
    const problem = Array.isArray(queues) ? "has no names" : "is not a list of queue names";
    throw new InvalidOptionError("queues", queues, `${problem}. Leave it out for all queues.`);
  }
  return [...new Set(queues.map((queue) => checkName("queues", queue)))];
}

function checkDeleteJobs(value: DeleteJobs): DeleteJobs {
  if (["never", "successful", "always"].includes(value)) return value;
  throw new InvalidOptionError("deleteJobs", value, 'is not "never", "successful" or "always".');
}
