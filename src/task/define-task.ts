import type { StandardSchemaV1 } from "@standard-schema/spec";
import { durationToMs } from "../duration.ts";
import { InvalidOptionError } from "../errors.ts";
import {
  checkBoolean,
  checkFunctions,
  checkKnownOptions,
  checkLockKey,
  checkName,
  checkPriority,
} from "../option-checks.ts";
import type { JobContext } from "./job-context.ts";
import { toRetryStrategy } from "./retry.ts";
import { type AnyTask, checkLockMode, checkTask, type Task } from "./task.ts";
import { type PlainTaskOptions, type SchemaTaskOptions, TASK_OPTION_NAMES } from "./task-options.ts";

/**
 * Defines a task: data only, so that it can be imported by web code and worker alike.
 *
 * @throws InvalidOptionError when an option is unknown or out of its bounds.
 */
export function defineTask<Schema extends StandardSchemaV1>(
  options: SchemaTaskOptions<Schema>,
): Task<StandardSchemaV1.InferInput<Schema>, StandardSchemaV1.InferOutput<Schema>>;
export function defineTask<Input extends object = Record<never, never>>(
  options: PlainTaskOptions<Input>,
): Task<NoInfer<Input>, NoInfer<Input>>;
export function defineTask(options: PlainTaskOptions<never> | SchemaTaskOptions<StandardSchemaV1>): AnyTask {
  checkKnownOptions("defineTask", options, TASK_OPTION_NAMES);
  checkName("name", options.name);
  checkName("queue", options.queue ?? "default");
  checkFunction("run", options.run);
  checkKey("lock", options.lock);
  checkKey("queueingLock", options.queueingLock);
  if (options.schema !== undefined && typeof options.schema["~standard"]?.validate !== "function") {
    throw new InvalidOptionError(
      "schema",
      options.schema,
      'is not a Standard Schema: it has no ["~standard"].validate.',
    );
  }
  return Object.freeze({
    name: options.name,
    aliases: checkAliases(options.aliases),
    queue: options.queue ?? "default",
    priority: checkPriority("priority", options.priority ?? 0),
    lock: options.lock,
    lockMode: checkLockMode(options.lockMode ?? "ordered"),
    queueingLock: options.queueingLock,
    schema: options.schema,
    retry: toRetryStrategy(options.retry),
    timeoutMs: options.timeout === undefined ? undefined : checkTimeout(durationToMs(options.timeout, "timeout")),
    storeResult: checkBoolean("storeResult", options.storeResult ?? false),
    middleware: checkFunctions("middleware", options.middleware),
    origin: undefined,
    run: options.run,
  });
}

/**
 * Gives a contract its handler: the same task, with `run`. The web app's `createApp` gets the contract, the worker's
 * gets this one, and the web bundle never sees the handler.
 *
 * @throws InvalidOptionError when `task` has a handler already, or `run` is not a function.
 */
export function implementTask<Input, Output>(
  task: Task<Input, Output>,
  run: (args: Output, context: JobContext) => unknown,
): Task<Input, Output> {
  checkTask("task", task);
  if (task.run) throw new InvalidOptionError("task", task.name, "has a handler already: define it without run.");
  if (typeof run !== "function") throw new InvalidOptionError("run", run, "is not a function.");
  return Object.freeze({ ...task, run });
}

function checkFunction(option: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") {
    throw new InvalidOptionError(option, value, "is not a function.");
  }
}

function checkAliases(aliases: readonly string[] = []): readonly string[] {
  if (!Array.isArray(aliases)) throw new InvalidOptionError("aliases", aliases, "is not a list of names.");
  return Object.freeze(aliases.map((alias) => checkName("aliases", alias)));
}

function checkKey(option: string, value: unknown): void {
  if (typeof value === "string") checkLockKey(option, value);
  else checkFunction(option, value);
}

function checkTimeout(timeoutMs: number): number {
  if (timeoutMs > 0) return timeoutMs;
  throw new InvalidOptionError("timeout", timeoutMs, "is not longer than 0 ms. Leave it out for no timeout.");
}
