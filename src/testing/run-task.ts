import {
  type AnyTask,
  type Job,
  type JobContext,
  type JsonCompatible,
  type JsonObject,
  silentLogger,
  type Task,
  TaskNotRunnableError,
} from "../index.ts";
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
  /** What it completed its job with, by `context.complete`. */
  readonly completed: { readonly tx: object; readonly result: unknown } | undefined;
}

/** What the handler shall find in its context; of what is left out there is a plain default. */
export type RunTaskOptions = Partial<Omit<JobContext, "job">> & {
  /** Some fields of the job: `{ id: 7n, queue: "emails" }`. */
  readonly job?: Partial<Job>;
};

/**
 * Runs the handler of a task once, without a database: with its arguments made JSON and checked as a worker does, and a
 * context that only records.
 *
 * @param options Overrides of the context: `{ attempt: 3, signal, logger }`.
 * @throws what the handler throws; InvalidArgsError; TaskNotRunnableError when the task has no handler.
 */
export async function runTask<Input, Output>(
  task: Task<Input, Output>,
  args: NoInfer<Input> & JsonCompatible<NoInfer<Input>>,
  options: RunTaskOptions = {},
): Promise<TaskRun> {
  if (!task.run) throw new TaskNotRunnableError(task.name);
  const stored = JSON.parse(JSON.stringify(args)) as JsonObject;
  const record: Record = { deferred: [], completed: undefined };
  const context = fakeContext(task, stored, options, record);
  const result = await task.run((await validateArgs(task, stored)) as never, context as never);
  return { result, ...record };
}

interface Record {
  readonly deferred: RecordedDefer[];
  completed: TaskRun["completed"];
}

function fakeContext(task: AnyTask, args: JsonObject, options: RunTaskOptions, record: Record): JobContext {
  const { job: fields, attempt = 1, ...overrides } = options;
  const defer = async (deferred: AnyTask, given: unknown, how: object = {}): Promise<bigint> => {
    await validateArgs(deferred, given);
    return BigInt(record.deferred.push({ task: deferred, args: given, options: how }));
  };
  return {
    job: { ...sampleJob(task, args, attempt), ...fields },
    attempt,
    signal: new AbortController().signal,
    logger: silentLogger,
    defer: (deferred, ...[given = {}, how]) => defer(deferred, given, how),
    async batchDefer(deferred, argsList, how) {
      const ids: bigint[] = [];
      for (const given of argsList) ids.push(await defer(deferred, given, how));
      return ids;
    },
    async complete(tx: object, result?: unknown) {
      record.completed = { tx, result };
    },
    ...overrides,
  };
}

function sampleJob({ name, queue, priority }: AnyTask, args: JsonObject, attempt: number): Job {
  return {
    ...{ id: 1n, queue, taskName: name, priority, lock: null, queueingLock: null, args },
    ...{ attempts: attempt - 1, lease: 1, rescues: 0, scheduledAt: null, deferredAt: new Date(0) },
  };
}
