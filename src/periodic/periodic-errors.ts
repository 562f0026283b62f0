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

/** There is no schedule of this task with this `periodicId`, or only another app knows the arguments of its jobs. */
export class ScheduleNotFoundError extends ProcrastinateError {
  readonly taskName: string;
  readonly periodicId: string;

  constructor(taskName: string, periodicId: string, { isStored = false }: { readonly isStored?: boolean } = {}) {
    const schedule = label(taskName, periodicId);
    super(
      "schedule_not_found",
      isStored
        ? `The schedule of ${schedule} is in the code of another app, or of another version of this one: call that.`
        : `There is no schedule of ${schedule}. app.periodic.list() gives those that there are.`,
    );
    this.taskName = taskName;
    this.periodicId = periodicId;
  }
}
