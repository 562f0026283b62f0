import { AssertionError } from "node:assert";
import { inspect, isDeepStrictEqual } from "node:util";
import { appOptions } from "../app.ts";
import type { App, Task } from "../index.ts";
import { checkInteger, checkKnownOptions } from "../option-checks.ts";
import { type DeferredJob, findDeferredJobs } from "../sql/find-deferred-jobs.ts";
import { TaskRegistry } from "../task/task-registry.ts";
import { appSql } from "./app-sql.ts";

export interface DeferredJobsOptions<Input, Tx> {
  /** Look from inside this transaction, which sees what it deferred itself and has not committed. */
  readonly tx?: Tx;
  /** Only jobs whose arguments have all of this: objects may have more, arrays and other values are the same. */
  readonly args?: DeepPartial<Input>;
  /** Only jobs in this queue. */
  readonly queue?: string;
}

const OPTIONS = ["tx", "args", "queue"];

export interface ExpectDeferredOptions<Input, Tx> extends DeferredJobsOptions<Input, Tx> {
  /** How many jobs there are; 0 for none. Default: one or more. */
  readonly times?: number;
}

export type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [Key in keyof T]?: DeepPartial<T[Key]> }
    : T;

/**
 * The jobs of a task that were deferred, in whatever status, by id.
 *
 * @throws InvalidOptionError, DatabaseError, SchemaMismatchError
 */
export async function deferredJobs<Input, Tx>(
  app: App<Tx>,
  task: Task<Input>,
  options: DeferredJobsOptions<NoInfer<Input>, Tx> = {},
): Promise<DeferredJob[]> {
  checkKnownOptions("deferredJobs", options, OPTIONS);
  const { tx, args, queue } = options;
  const { name } = new TaskRegistry(appOptions(app).tasks).resolve(task);
  const jobs = await findDeferredJobs(appSql(app, tx), name);
  return jobs.filter((job) => (queue === undefined || job.queue === queue) && has(job.args, args));
}

/**
 * Fails unless a job of the task was deferred, or as many as `times` says. Gives the jobs.
 *
 * @throws AssertionError that tells what was deferred instead; InvalidOptionError, DatabaseError, SchemaMismatchError
 */
export async function expectDeferred<Input, Tx>(
  app: App<Tx>,
  task: Task<Input>,
  given: ExpectDeferredOptions<NoInfer<Input>, Tx> = {},
): Promise<DeferredJob[]> {
  checkKnownOptions("expectDeferred", given, [...OPTIONS, "times"]);
  const { times, ...options } = given;
  if (times !== undefined) checkInteger("times", times, 0, Number.MAX_SAFE_INTEGER);
  const jobs = await deferredJobs(app, task, options as DeferredJobsOptions<Input, Tx>);
  if (times === undefined ? jobs.length > 0 : jobs.length === times) return jobs;
  const { tx } = options;
  const all = await deferredJobs(app, task, tx === undefined ? {} : { tx });
  const wanted = options.args === undefined ? "" : ` with ${inspect(options.args)}`;
  const where = options.queue === undefined ? "" : ` in the queue ${options.queue}`;
  const others = all.length === 0 ? "There is none at all." : `There are:\n${all.map(describe).join("\n")}`;
  throw new AssertionError({
    message: `Expected ${times ?? "a"} deferred job${times === undefined || times === 1 ? "" : "s"} of ${task.name}${wanted}${where}, found ${jobs.length}. ${others}`,
    actual: jobs.length,
    expected: times ?? "1 or more",
    operator: "expectDeferred",
    stackStartFn: expectDeferred,
  });
}

function describe({ id, status, queue, args }: DeferredJob): string {
  return `  job ${id}, ${status} in the queue ${queue}: ${inspect(args, { breakLength: Number.POSITIVE_INFINITY })}`;
}

function has(actual: unknown, wanted: unknown): boolean {
  if (wanted === undefined) return true;
  if (!isObject(wanted) || !isObject(actual)) return isDeepStrictEqual(actual, wanted);
  return Object.entries(wanted).every(([key, value]) => has(actual[key], value));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
