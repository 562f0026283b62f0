import { durationToMs } from "../duration.ts";
import { InvalidArgsError, InvalidOptionError } from "../errors.ts";
import { findJsonProblem } from "../json.ts";
import { checkKnownOptions, checkLockKey, checkName, checkPriority } from "../option-checks.ts";
import type { NewJob } from "../sql/insert-jobs.ts";
import type { DeferOptions } from "../task/deferrer.ts";
import { type AnyTask, checkLockMode, checkTask, type KeyOption } from "../task/task.ts";
import { validateArgs } from "../task/validate-args.ts";

const DEFER_OPTION_NAMES = [
  "tx",
  "queue",
  "priority",
  "lock",
  "lockMode",
  "queueingLock",
  "onConflict",
  "scheduleAt",
  "scheduleIn",
];

/** The last moment of the year 9999: later ones have no ISO form that every driver reads. */
const MAX_TIME_MS = 253_402_300_799_999;

/** @throws InvalidOptionError when the options are unknown, out of bounds or contradict each other. */
export function checkDeferOptions(options: DeferOptions): void {
  checkKnownOptions("defer", options, DEFER_OPTION_NAMES);
  const { onConflict = "throw" } = options;
  if (!["throw", "ignore", "replace"].includes(onConflict)) {
    throw new InvalidOptionError("onConflict", onConflict, 'is not "throw", "ignore" or "replace".');
  }
  if (options.tx !== undefined && (typeof options.tx !== "object" || options.tx === null)) {
    throw new InvalidOptionError("tx", options.tx, "is not a transaction. Pass what your ORM hands to the callback.");
  }
  if (options.queue !== undefined) checkName("queue", options.queue);
  if (options.priority !== undefined) checkPriority("priority", options.priority);
  for (const key of ["lock", "queueingLock"] as const) {
    if (options[key] !== undefined && options[key] !== null) checkLockKey(key, options[key]);
  }
  if (options.lockMode !== undefined) checkLockMode(options.lockMode);
  scheduleOf(options);
}

/**
 * Makes the row of a job: checks the arguments against JSON and the task's schema, and the keys that the task makes of
 * them. The options were checked by `checkDeferOptions`.
 *
 * @throws InvalidArgsError, InvalidOptionError
 */
export async function toNewJob(task: AnyTask, args: unknown, options: DeferOptions): Promise<NewJob> {
  checkTask("task", task);
  const argsJson = toArgsJson(task, args);
  const validated = validateArgs(task, args);
  if (!(validated instanceof Promise)) return toCheckedJob(task, args as object, argsJson, options);
  await validated;
  // The caller may have changed his object meanwhile.
  return toCheckedJob(task, JSON.parse(argsJson) as object, argsJson, options);
}

function toArgsJson(task: AnyTask, args: unknown): string {
  if (typeof args !== "object" || args === null || Array.isArray(args)) {
    const what = args === null ? "null" : Array.isArray(args) ? "an array" : typeof args;
    throw new InvalidArgsError(task.name, "args", `is ${what}, not an object`);
  }
  const problem = findJsonProblem(args, "args");
  if (problem) throw new InvalidArgsError(task.name, problem.path, problem.problem);
  return JSON.stringify(args);
}

/** Only now are the functions that make keys called: they may rely on what the schema checked. */
function toCheckedJob(task: AnyTask, args: object, argsJson: string, options: DeferOptions): NewJob {
  const lock = keyOf("lock", options.lock, task.lock, args);
  return {
    queue: options.queue ?? task.queue,
    task: task.name,
    priority: options.priority ?? task.priority,
    lock,
    mutex: lock !== null && (options.lockMode ?? task.lockMode) === "mutex",
    queueingLock: keyOf("queueingLock", options.queueingLock, task.queueingLock, args),
    argsJson,
    ...scheduleOf(options),
  };
}

function keyOf(
  name: string,
  given: string | null | undefined,
  option: KeyOption<never> | undefined,
  args: object,
): string | null {
  if (given !== undefined) return given;
  const key = typeof option === "function" ? option(args as never) : option;
  return key === undefined || key === null ? null : checkLockKey(name, key);
}

function scheduleOf({ scheduleAt, scheduleIn }: DeferOptions): { atMs: number | null; inMs: number | null } {
  if (scheduleAt !== undefined && scheduleIn !== undefined) {
    throw new InvalidOptionError("scheduleIn", scheduleIn, "was given together with scheduleAt. Give one of them.");
  }
  if (scheduleAt !== undefined) return { atMs: momentToMs(scheduleAt), inMs: null };
  if (scheduleIn === undefined) return { atMs: null, inMs: null };
  const inMs = durationToMs(scheduleIn, "scheduleIn");
  if (inMs > MAX_TIME_MS / 2) throw new InvalidOptionError("scheduleIn", inMs, "ms is more than 4,000 years.");
  // No delay is no schedule: the clock would have gone on by the time of the comparison, and the job be set aside.
  return { atMs: null, inMs: inMs === 0 ? null : inMs };
}

const ISO_WITH_OFFSET = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

function momentToMs(moment: Date | string): number {
  if (typeof moment === "string" && !(ISO_WITH_OFFSET.test(moment) && isCalendarDay(moment.slice(0, 10)))) {
    const fix = "is not an ISO 8601 time with its offset. Write it like 2026-03-04T05:06:07Z or +01:00.";
    throw new InvalidOptionError("scheduleAt", moment, fix);
  }
  const ms = typeof moment === "string" ? Date.parse(moment) : moment instanceof Date ? moment.getTime() : Number.NaN;
  if (Number.isNaN(ms)) throw new InvalidOptionError("scheduleAt", moment, "is not a valid Date or ISO 8601 time.");
  // Anything in the past means now; the bound keeps it a time that Postgres has.
  if (ms > MAX_TIME_MS) throw new InvalidOptionError("scheduleAt", moment, "is after the year 9999.");
  return Math.max(ms, 0);
}

/** Date.parse takes February 30th for March 2nd. */
function isCalendarDay(day: string): boolean {
  const start = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(start.getTime()) && start.toISOString().startsWith(day);
}
