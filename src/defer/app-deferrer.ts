import { InvalidOptionError } from "../errors.ts";
import { checkFunctions } from "../option-checks.ts";
import type { BatchDeferOptions, BoundDeferrer, ByName, DeferOptions, Deferrer, Schedule } from "../task/deferrer.ts";
import { defineTask } from "../task/define-task.ts";
import { MiddlewareError } from "../task/middleware.ts";
import { type AnyTask, checkTask, type Task } from "../task/task.ts";
import type { TaskRegistry } from "../task/task-registry.ts";
import type { JobDeferrer } from "./defer-jobs.ts";
import { type DeferMiddleware, type Deferral, layerDefer } from "./defer-middleware.ts";
import { checkDeferOptions } from "./new-job.ts";

export interface AppDeferrerOptions<Tx> {
  readonly jobs: JobDeferrer<Tx>;
  readonly tasks: TaskRegistry;
  readonly middleware: readonly DeferMiddleware[] | undefined;
}

/** All ways in which an app defers. */
export interface AppDeferrer<Tx> extends Deferrer<Tx> {
  configure<Input>(task: Task<Input>, options: DeferOptions<Tx>): BoundDeferrer<Input, Tx>;
}

type Known = (task: AnyTask) => AnyTask;

interface Write<Tx> {
  defer(task: AnyTask, args: unknown, options: DeferOptions<Tx>): Promise<bigint>;
  batchDefer(task: AnyTask, argsList: readonly unknown[], options: BatchDeferOptions<Tx>): Promise<bigint[]>;
}

/** @throws InvalidOptionError when `middleware` is not a list of functions. */
export function createDeferrer<Tx>({ jobs: written, tasks, middleware }: AppDeferrerOptions<Tx>): AppDeferrer<Tx> {
  const known = (task: AnyTask): AnyTask => knownTask(tasks, task);
  const layered = withMiddleware(written, checkFunctions("deferMiddleware", middleware), known);
  const jobs = ofTheApp(known, layered);
  const named = (name: string, allowUnknown = false): AnyTask =>
    tasks.find(name) ?? (allowUnknown ? defineTask({ name }) : tasks.get(name));
  return {
    defer: (task, ...[args = {}, given = {}]) => jobs.defer(task, args, given),
    batchDefer: (task, argsList, given = {}) => jobs.batchDefer(task, argsList, given),
    deferByName: async (name, ...[args = {}, given = {}]) => {
      const { allowUnknown, ...rest }: ByName<DeferOptions<Tx>> = given;
      return layered.defer(named(name, allowUnknown), args, rest as DeferOptions<Tx>);
    },
    batchDeferByName: async (name, argsList, given = {}) => {
      const { allowUnknown, ...rest } = given;
      return layered.batchDefer(named(name, allowUnknown), argsList, rest as BatchDeferOptions<Tx>);
    },
    configure: (task, bound) => {
      checkTask("task", task);
      checkDeferOptions(bound as DeferOptions);
      return {
        defer: (...[args = {}, given]) => jobs.defer(task, args, override(bound, given)),
        batchDefer: (argsList, given) => jobs.batchDefer(task, argsList, override(bound, given)),
      };
    },
  };
}

/** A task that the app does not have would be deferred in vain: its workers have no handler for it. */
function knownTask(tasks: TaskRegistry, task: AnyTask): AnyTask {
  checkTask("task", task);
  const resolved = tasks.resolve(task);
  // It throws where there is none.
  tasks.get(resolved.name);
  return resolved;
}

function ofTheApp<Tx>(known: Known, jobs: Write<Tx>): Write<Tx> {
  return {
    defer: async (task, args, options) => jobs.defer(known(task), args, options),
    batchDefer: async (task, argsList, options) => jobs.batchDefer(known(task), argsList, options),
  };
}

function withMiddleware<Tx>(jobs: JobDeferrer<Tx>, layers: readonly DeferMiddleware[], known: Known): Write<Tx> {
  if (layers.length === 0) return jobs;
  const writeJobs = async ({ task, argsList, options, isBatch }: Deferral): Promise<readonly bigint[]> => {
    const given = options as DeferOptions<Tx>;
    if (isBatch) return jobs.batchDefer(task, argsList, given);
    if (argsList.length !== 1) {
      const message = `A deferMiddleware passed ${argsList.length} elements as argsList of a single defer. Pass one, or defer the others yourself.`;
      throw new MiddlewareError(message);
    }
    return [await jobs.defer(task, argsList[0], given)];
  };
  const write = layerDefer(layers, { write: writeJobs, known });
  return {
    async defer(task, args, options) {
      const [id] = await write({ task, argsList: [args], options: options as DeferOptions, isBatch: false });
      // Checked by layerDefer.
      return id as bigint;
    },
    async batchDefer(task, argsList, options) {
      if (!Array.isArray(argsList)) throw new InvalidOptionError("argsList", argsList, "is not an array of arguments.");
      return [...(await write({ task, argsList, options: options as DeferOptions, isBatch: true }))];
    },
  };
}

/** A time that is given in one way overrides one that was bound in the other. */
function override<Options extends Schedule>(bound: Options, given: Options | undefined): Options {
  const isTimed = given?.scheduleAt !== undefined || given?.scheduleIn !== undefined;
  return { ...bound, ...(isTimed ? { scheduleAt: undefined, scheduleIn: undefined } : {}), ...given };
}
