import { checkBatchDefer, checkDeferOptions, toArgsJson, toNewJob } from "../defer/new-job.ts";
import {
  type AnyTask,
  type ContextValue,
  defineTask,
  type Job,
  type JobContext,
  type JsonCompatible,
  type JsonObject,
  silentLogger,
  type Task,
  TaskNotRunnableError,
} from "../index.ts";
import { checkInteger, checkKnownOptions } from "../option-checks.ts";
import { ContextValues } from "../task/context-key.ts";
import { checkTask } from "../task/task.ts";
import { validateArgs } from "../task/validate-args.ts";

/** A job that a handler deferred while it was tried. */
export interface RecordedDefer {
  readonly task: AnyTask;
  readonly args: unknown;
  readonly options: object;
}

/** What a handler did. */
export interface TaskRun {
  readonly result: unknown;
  /** What it deferred by its context, in that order. Nothing was written. */
  readonly deferred: readonly RecordedDefer[];
  /** What it said of how far it is, by `context.progress`. */
  readonly progress: readonly unknown[];
  /** What it completed its job with, by `context.complete`. */
  readonly completed: { readonly tx: object; readonly result: unknown } | undefined;
}

/** What the handler shall find in its context; of what is left out there is a plain default. */
export type RunTaskOptions = Partial<Omit<JobContext, "job">> & {
  /** Some fields of the job: `{ id: 7n, queue: "emails" }`. */
  readonly job?: Partial<Job>;
  /** What `context.get` finds, as for `createWorker`. Default: nothing. */
  readonly context?: readonly ContextValue[];
};

/**
 * Runs the handler of a task once, without a database: with arguments that are checked as `defer` and a worker do, and a
 * context that only records, and refuses what cannot be deferred.
 *
 * @param options Overrides of the context: `{ attempt: 3, signal, logger }`.
 * @throws what the handler throws; InvalidOptionError; InvalidArgsError; TaskNotRunnableError when the task has no handler.
 */
export async function runTask<Input, Output>(
  task: Task<Input, Output>,
  args: NoInfer<Input> & JsonCompatible<NoInfer<Input>>,
  options: RunTaskOptions = {},
): Promise<TaskRun> {
  checkTask("task", task);
  checkRunTaskOptions(task, options);
  if (!task.run) throw new TaskNotRunnableError(task.name);
  const stored = JSON.parse(toArgsJson(task, args)) as JsonObject;
  const record: Record = { deferred: [], progress: [], completed: undefined };
  const context = fakeContext(task, stored, options, record);
  const result = await task.run((await validateArgs(task, stored)) as never, context as never);
  return { result, ...record };
}

const CONTEXT = ["attempt", "signal", "logger", "worker", "get", "progress", "log", "complete"];
const DEFERS = ["defer", "batchDefer", "deferByName", "batchDeferByName"];

function checkRunTaskOptions(task: AnyTask, options: RunTaskOptions): void {
  checkKnownOptions("runTask", options, [...CONTEXT, ...DEFERS, "job", "context"]);
  const { attempt, job } = options;
  if (attempt !== undefined) checkInteger("attempt", attempt, 1, MAX_ATTEMPT);
  if (job !== undefined) checkKnownOptions("runTask.job", job, Object.keys(sampleJob(task, {}, 1)));
}

/** What the table holds. */
const MAX_ATTEMPT = 2_147_483_647;

interface Record {
  readonly deferred: RecordedDefer[];
  readonly progress: unknown[];
  completed: TaskRun["completed"];
}

function fakeContext(task: AnyTask, args: JsonObject, options: RunTaskOptions, record: Record): JobContext {
  const { job: fields, attempt = 1, context = [], ...overrides } = options;
  const values = new ContextValues(context);
  const logger = overrides.logger ?? silentLogger;
  const recorded = (deferred: AnyTask, args: unknown, how: object): bigint =>
    BigInt(record.deferred.push({ task: deferred, args, options: how }));
  const defer = async (deferred: AnyTask, given: unknown, how: object = {}): Promise<bigint> => {
    checkDeferOptions(how);
    await toNewJob(deferred, given, how);
    return recorded(deferred, given, how);
  };
  const deferAll = async (deferred: AnyTask, argsList: readonly unknown[], how: object = {}): Promise<bigint[]> => {
    checkBatchDefer(argsList, how);
    for (const given of argsList) await toNewJob(deferred, given, how);
    return argsList.map((given) => recorded(deferred, given, how));
  };
  return {
    job: { ...sampleJob(task, args, attempt), ...fields },
    attempt,
    signal: new AbortController().signal,
    logger,
    worker: { name: "worker", queues: undefined, stop: () => undefined },
    get: (key) => values.get(key),
    progress: (value) => void record.progress.push(value),
    log: (level, message, logged = {}) => logger[level](logged, message),
    defer: (deferred, ...[given = {}, how]) => defer(deferred, given, how),
    batchDefer: deferAll,
    deferByName: (name, ...[given = {}, how]) => defer(defineTask({ name }), given, ofKnown(how)),
    batchDeferByName: (name, argsList, how) => deferAll(defineTask({ name }), argsList, ofKnown(how)),
    async complete(tx: object, result?: unknown) {
      record.completed = { tx, result };
    },
    ...overrides,
  };
}

/** Whatever name is deferred, there is no app here that has its task or not. */
function ofKnown(how: { readonly allowUnknown?: boolean } = {}): object {
  const { allowUnknown: _allowUnknown, ...options } = how;
  return options;
}

function sampleJob({ name, queue, priority }: AnyTask, args: JsonObject, attempt: number): Job {
  return {
    ...{ id: 1n, queue, taskName: name, priority, lock: null, queueingLock: null, args },
    ...{ attempts: attempt - 1, lease: 1, rescues: 0, scheduledAt: null, deferredAt: new Date(0) },
  };
}
