import { ProcrastinateError } from "../errors.ts";

function label(taskName: string, periodicId: string): string {
  return periodicId === "" ? `"${taskName}"` : `"${taskName}" with the periodicId "${periodicId}"`;
}

/** Two schedules of an app have the same task and the same `periodicId`, or one that is in the code was to be added. */
export class PeriodicTaskAlreadyRegisteredError extends ProcrastinateError {
  readonly taskName: string;
  readonly periodicId: string;

  constructor(taskName: string, periodicId: string) {
    super(
      "periodic_task_already_registered",
      `The code has a schedule of ${label(taskName, periodicId)} already. Give each its own periodicId.`,
    );
    this.taskName = taskName;
    this.periodicId = periodicId;
  }
}

/** The database has no schedule of this task with this `periodicId`. */
export class ScheduleNotFoundError extends ProcrastinateError {
  readonly taskName: string;
  readonly periodicId: string;

  constructor(taskName: string, periodicId: string) {
    super(
      "schedule_not_found",
      `There is no schedule of ${label(taskName, periodicId)}. ` +
        "Schedules of the code are there once a worker of it has started; app.periodic.list() has them all.",
    );
    this.taskName = taskName;
    this.periodicId = periodicId;
  }
}
