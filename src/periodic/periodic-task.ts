import { InvalidArgsError, InvalidOptionError, TaskNotFoundError } from "../errors.ts";
import { findJsonProblem, type JsonCompatible } from "../json.ts";
import { type AnyTask, checkTask, type Task } from "../task/task.ts";
import type { TaskRegistry } from "../task/task-registry.ts";
import { validateArgs } from "../task/validate-args.ts";
import { PeriodicTaskAlreadyRegisteredError } from "./periodic-errors.ts";
import { type ResolvedSchedule, resolveSchedule, type ScheduleOptions } from "./schedule-options.ts";

/** The arguments of each job, or a function that makes them of the tick's time. */
type PeriodicArgs<Input> = (Input & JsonCompatible<Input>) | ((at: Date) => Input & JsonCompatible<Input>);

/** A schedule of a task; the arguments may be left out where the task takes none. */
export type PeriodicOptions<Input> = ScheduleOptions &
  (Record<never, never> extends Input
    ? { readonly args?: PeriodicArgs<Input> }
    : { readonly args: PeriodicArgs<Input> });

/** A task with a schedule, for `createApp({ periodic: [...] })`. Made by `periodic`. */
export interface PeriodicTask {
  readonly task: AnyTask;
  readonly schedule: ResolvedSchedule;
  readonly args: object | ((at: Date) => object);
}

/**
 * Gives a task a schedule: at each time of the cron expression, a tick, the workers of the app defer one job.
 *
 * @throws InvalidOptionError when an option is unknown or out of its bounds, the cron expression cannot be read or never
 * comes; InvalidArgsError when the arguments are no JSON or refused by the task's schema.
 */
export function periodic<Input>(task: Task<Input>, options: PeriodicOptions<NoInfer<Input>>): PeriodicTask {
  checkTask("periodic", task);
  const schedule = resolveSchedule("periodic", options);
  const args: PeriodicTask["args"] = (options.args as PeriodicTask["args"] | undefined) ?? {};
  if (typeof args !== "function") checkArgs(task, args);
  return Object.freeze({ task, schedule, args });
}

function checkArgs(task: AnyTask, args: object): void {
  if (typeof args !== "object" || Array.isArray(args)) {
    throw new InvalidArgsError(task.name, "args", "is neither an object nor a function of the tick's time");
  }
  const problem = findJsonProblem(args, "args");
  if (problem) throw new InvalidArgsError(task.name, problem.path, problem.problem);
  const validated = validateArgs(task, args);
  // A schema that takes its time is asked again at each tick.
  if (validated instanceof Promise) validated.catch(() => undefined);
}

/** The schedules of an app's code by task and id. */
export class PeriodicRegistry {
  readonly #tasks = new Map<string, PeriodicTask>();

  /**
   * @throws PeriodicTaskAlreadyRegisteredError when two have one task and one id; TaskNotFoundError when the task is not
   * the app's; InvalidOptionError for what is no periodic task.
   */
  constructor(list: readonly PeriodicTask[], tasks: TaskRegistry) {
    if (!Array.isArray(list)) throw new InvalidOptionError("periodic", list, "is not an array of periodic tasks.");
    for (const each of list) {
      if (typeof each?.schedule?.cron !== "string") {
        throw new InvalidOptionError(
          "periodic",
          each,
          "is not a periodic task. Make it with periodic(task, { cron }).",
        );
      }
      const task = tasks.resolve(each.task);
      const { name } = task;
      const { periodicId } = each.schedule;
      if (!tasks.find(name)) throw new TaskNotFoundError(name, tasks.names);
      if (this.find(name, periodicId)) throw new PeriodicTaskAlreadyRegisteredError(name, periodicId);
      this.#tasks.set(keyOf(name, periodicId), { ...each, task });
    }
  }

  get all(): readonly PeriodicTask[] {
    return [...this.#tasks.values()];
  }

  find(taskName: string, periodicId: string): PeriodicTask | undefined {
    return this.#tasks.get(keyOf(taskName, periodicId));
  }
}

/** No name holds a NUL. */
function keyOf(taskName: string, periodicId: string): string {
  return `${taskName}\u0000${periodicId}`;
}
