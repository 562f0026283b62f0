import type { StoredSchedule } from "../sql/list-schedules.ts";
import type { JobOptions } from "../task/deferrer.ts";
import type { AnyTask } from "../task/task.ts";
import type { TaskRegistry } from "../task/task-registry.ts";
import type { PeriodicRegistry } from "./periodic-task.ts";

/** What the jobs of a schedule are made of. */
export interface ScheduleJob {
  readonly task: AnyTask;
  readonly options: JobOptions;
  argsAt(at: Date): object;
}

/** The schedules and tasks that an app has in its code. */
export interface KnownTasks {
  readonly periodic: PeriodicRegistry;
  readonly tasks: TaskRegistry;
}

/**
 * What to defer for a stored schedule; undefined for one that only others can serve. One that is in the code belongs to
 * apps that have it in theirs: the former version of an app does not know the arguments of a new one's.
 */
export function findScheduleJob(
  { inCode, taskName, periodicId, job }: Pick<StoredSchedule, "inCode" | "taskName" | "periodicId" | "job">,
  { periodic, tasks }: KnownTasks,
): ScheduleJob | undefined {
  if (inCode) {
    const found = periodic.find(taskName, periodicId);
    if (!found) return undefined;
    const { args } = found;
    const argsAt = (at: Date): object => (typeof args === "function" ? args(at) : args);
    return { task: found.task, options: found.schedule.job, argsAt };
  }
  const task = tasks.find(taskName);
  if (!task || !job) return undefined;
  const { args, ...options } = job;
  const given = Object.entries(options).filter(([, value]) => value !== null);
  return { task, options: Object.fromEntries(given), argsAt: () => args };
}
