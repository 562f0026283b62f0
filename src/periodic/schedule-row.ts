import type { NewSchedule } from "../sql/upsert-schedules.ts";
import type { PeriodicTask } from "./periodic-task.ts";

/** The row of a schedule. Arguments that a function makes are the code's own affair. */
export function toNewSchedule({ task, schedule, args }: PeriodicTask): NewSchedule {
  const { periodicId, cron, timezone, missed, maxDelaySeconds, job } = schedule;
  return {
    ...{ task: task.name, id: periodicId, cron, timezone, missed, maxDelaySeconds },
    ...{ queue: job.queue, priority: job.priority, lock: job.lock, queueingLock: job.queueingLock },
    args: typeof args === "function" ? {} : args,
  };
}
