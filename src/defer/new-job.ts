import { InvalidArgsError, InvalidOptionError } from "../errors.ts";
import { findJsonProblem } from "../json.ts";
import { checkKnownOptions, checkLockKey, checkName, checkPriority, checkTransaction } from "../option-checks.ts";
import { scheduleOf } from "../schedule.ts";
import type { NewJob } from "../sql/insert-jobs.ts";
import type { DeferOptions } from "../task/deferrer.ts";
import { type AnyTask, checkLockMode, checkTask, type KeyOption } from "../task/task.ts";
import { type ValidateHow, validateArgs } from "../task/validate-args.ts";

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

/** @throws InvalidOptionError when the options are unknown, out of bounds or contradict each other. */
export function checkDeferOptions(options: DeferOptions): void {
  checkKnownOptions("defer", options, DEFER_OPTION_NAMES);
  const { onConflict = "throw" } = options;
  if (!["throw", "ignore", "replace"].includes(onConflict)) {
    throw new InvalidOptionError("onConflict", onConflict, 'is not "throw", "ignore" or "replace".');
  }
  if (options.tx !== undefined) checkTransaction(options.tx);
  if (options.queue !== undefined) checkName("queue", options.queue);
  if (options.priority !== undefined) checkPriority("priority", options.priority);
  for (const key of ["lock", "queueingLock"] as const) {
    if (options[key] !== undefined && options[key] !== null) checkLockKey(key, options[key]);
  }
  if (options.lockMode !== undefined) checkLockMode(options.lockMode);
  scheduleOf(options);
}

/** @throws InvalidOptionError as `checkDeferOptions`, and when the arguments are no list. */
export function checkBatchDefer(argsList: readonly unknown[], options: DeferOptions): void {
  if (!Array.isArray(argsList)) throw new InvalidOptionError("argsList", argsList, "is not an array of arguments.");
  checkDeferOptions(options);
  if (options.onConflict !== undefined) {
    const fix = "is for defer: batchDefer writes all jobs or none.";
    throw new InvalidOptionError("onConflict", options.onConflict, fix);
  }
}

/**
 * Makes the row of a job: checks the arguments against JSON and the task's schema, and the keys that the task makes of
 * them. The options were checked by `checkDeferOptions`.
 *
 * @throws InvalidArgsError, InvalidOptionError
 */
export async function toNewJob(
  task: AnyTask,
  args: unknown,
  options: DeferOptions,
  how?: ValidateHow,
): Promise<NewJob> {
  return makeNewJob(task, args, options, how);
}

/** The same, at once unless the task's schema takes its time: of 50,000 jobs the promises were a third of the work here. */
export function makeNewJob(
  task: AnyTask,
  args: unknown,
  options: DeferOptions,
  how?: ValidateHow,
): NewJob | Promise<NewJob> {
  checkTask("task", task);
  const argsJson = toArgsJson(task, args);
  const validated = validateArgs(task, args, how);
  if (!(validated instanceof Promise)) return toCheckedJob(task, args as object, argsJson, options);
  // The caller may have changed his object meanwhile.
  return validated.then(() => toCheckedJob(task, JSON.parse(argsJson) as object, argsJson, options));
}

/** @throws InvalidArgsError when the arguments are no object of JSON. */
export function toArgsJson(task: AnyTask, args: unknown): string {
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
  const { atMs, inMs } = scheduleOf(options);
  return {
    queue: options.queue ?? task.queue,
    task: task.name,
    priority: options.priority ?? task.priority,
    lock,
    mutex: lock !== null && (options.lockMode ?? task.lockMode) === "mutex",
    queueingLock: keyOf("queueingLock", options.queueingLock, task.queueingLock, args),
    argsJson,
    atMs,
    inMs,
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
