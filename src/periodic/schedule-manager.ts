import { InvalidOptionError } from "../errors.ts";
import type { JsonCompatible } from "../json.ts";
import { checkKnownOptions, checkName } from "../option-checks.ts";
import { deleteSchedule } from "../sql/delete-schedule.ts";
import { findSchedule } from "../sql/find-schedule.ts";
import { pauseSchedule } from "../sql/pause-schedule.ts";
import { showSchedules } from "../sql/show-schedules.ts";
import type { QueueSql } from "../sql/statement.ts";
import { upsertSchedules } from "../sql/upsert-schedules.ts";
import type { DeferOptions } from "../task/deferrer.ts";
import { type AnyTask, checkTask, type Task } from "../task/task.ts";
import { PeriodicTaskAlreadyRegisteredError, ScheduleNotFoundError } from "./periodic-errors.ts";
import type { PeriodicTask } from "./periodic-task.ts";
import type { PrepareJob } from "./prepare-ticks.ts";
import { findScheduleJob, type KnownTasks } from "./schedule-job.ts";
import { type ResolvedSchedule, resolveSchedule, type ScheduleOptions } from "./schedule-options.ts";
import { type PeriodicSchedule, toNewSchedule, toPeriodicSchedule } from "./schedule-row.ts";
import { SEEN_WITHIN_MS } from "./schedule-upkeep.ts";

/** A schedule that is made at run time: its arguments are plain JSON, the same for every job; the lock mode is the task's. */
export type NewScheduleOptions<Input> = Omit<ScheduleOptions, "lock" | "lockMode" | "queueingLock"> & {
  /** Default: the task's. */
  readonly lock?: string;
  /** Default: the task's. */
  readonly queueingLock?: string;
} & (Record<never, never> extends Input
    ? { readonly args?: Input & JsonCompatible<Input> }
    : { readonly args: Input & JsonCompatible<Input> });

export interface InTransaction<Tx> {
  /** Does it inside this transaction of the app's ORM. */
  readonly tx?: Tx;
}

/** Which schedule of a task is meant, and in which transaction. */
export interface ScheduleReference<Tx> extends InTransaction<Tx> {
  /** Default: the empty text, as for `periodic`. */
  readonly periodicId?: string;
}

/**
 * The schedules that are stored in the database, of the code and of run time: `app.periodic`. A task can be given by its
 * name or an alias; what was added under a former name, which is an alias now, is found too.
 */
export interface ScheduleManager<Tx> {
  /**
   * Stores a schedule, which workers that have the task then defer, from now on. One of the same task and `periodicId`
   * that was made at run time is replaced.
   *
   * @throws InvalidOptionError, InvalidArgsError before anything is written; PeriodicTaskAlreadyRegisteredError when a
   * schedule of the code has this `periodicId`; DatabaseError.
   */
  add<Input>(
    task: Task<Input>,
    schedule: NewScheduleOptions<NoInfer<Input>>,
    options?: InTransaction<Tx>,
  ): Promise<void>;

  /**
   * Removes a schedule; jobs that were deferred stay. Gives whether there was one.
   *
   * @throws InvalidOptionError for one that is in the code of this app, or that a worker of another one has had in its code
   * within the last two hours: it would be back.
   */
  remove(task: AnyTask | string, options?: ScheduleReference<Tx>): Promise<boolean>;

  /** All schedules, by task and `periodicId`. Those of the code are there once a worker of it has started. */
  list(options?: InTransaction<Tx>): Promise<readonly PeriodicSchedule[]>;

  /** Defers no more jobs, over restarts and new versions, until `resume`. @throws ScheduleNotFoundError */
  pause(task: AnyTask | string, options?: ScheduleReference<Tx>): Promise<void>;

  /** Ends a pause. The ticks that came during it are not caught up. @throws ScheduleNotFoundError */
  resume(task: AnyTask | string, options?: ScheduleReference<Tx>): Promise<void>;

  /**
   * Defers a job of the schedule at once, whether it is paused or not, and gives its id. It is no tick: those come as
   * ever. A function of the arguments gets the time of now.
   *
   * @throws ScheduleNotFoundError, TaskNotFoundError when the app has not the task; AlreadyEnqueuedError when the queueing
   * lock is taken.
   */
  runNow(task: AnyTask | string, options?: ScheduleReference<Tx>): Promise<bigint>;
}

export interface ScheduleManagerOptions<Tx> extends KnownTasks {
  /** What runs statements, in the transaction if there is one. */
  readonly sqlOf: (tx: Tx | undefined) => QueueSql;
  readonly prepareJob: PrepareJob;
  readonly defer: (task: AnyTask, args: object, options: DeferOptions<Tx>) => Promise<bigint>;
}

export function createScheduleManager<Tx>(app: ScheduleManagerOptions<Tx>): ScheduleManager<Tx> {
  const { sqlOf } = app;
  const pause = async (isPaused: boolean, task: AnyTask | string, reference: ScheduleReference<Tx>): Promise<void> => {
    const key = keyOf(app, task, reference);
    const sql = sqlOf(reference.tx);
    for (const name of key.names) if (await pauseSchedule(sql, { task: name, id: key.id, isPaused })) return;
    if (!key.inCode) throw new ScheduleNotFoundError(key.task, key.id);
    // No worker was there yet.
    await upsertSchedules(sql, [toNewSchedule(key.inCode)], { inCode: true, isPatient: true });
    await pauseSchedule(sql, { task: key.task, id: key.id, isPaused });
  };
  return {
    async add(given, schedule, options = {}) {
      checkKnownOptions("options", options, ["tx"]);
      const task = resolveTask(app, given);
      const added = await checkSchedule(task, schedule as ScheduleOptions, app.prepareJob);
      const refused = await upsertSchedules(sqlOf(options.tx), [toNewSchedule(added)], {
        inCode: false,
        isPatient: true,
      });
      if (refused > 0) throw new PeriodicTaskAlreadyRegisteredError(task.name, added.schedule.periodicId);
    },
    remove: (task, reference = {}) => remove(app, task, reference),
    async list(options = {}) {
      checkKnownOptions("options", options, ["tx"]);
      const { schedules, nowMs } = await showSchedules(sqlOf(options.tx));
      return schedules.map((schedule) => toPeriodicSchedule(schedule, nowMs));
    },
    pause: (task, reference = {}) => pause(true, task, reference),
    resume: (task, reference = {}) => pause(false, task, reference),
    runNow: (task, reference = {}) => runNow(app, task, reference),
  };
}

async function remove<Tx>(
  app: ScheduleManagerOptions<Tx>,
  task: AnyTask | string,
  reference: ScheduleReference<Tx>,
): Promise<boolean> {
  const { names, id, inCode } = keyOf(app, task, reference);
  const [name] = names;
  if (inCode) {
    const fix = "has this schedule in the code. Pause it, or take it out of createApp({ periodic }).";
    throw new InvalidOptionError("task", name, fix);
  }
  for (const each of names) {
    const { isGone, seenAtMs } = await deleteSchedule(app.sqlOf(reference.tx), {
      ...{ task: each, id, seenWithinMs: SEEN_WITHIN_MS },
    });
    if (isGone) return true;
    if (seenAtMs !== undefined) {
      const at = new Date(Math.floor(seenAtMs)).toISOString();
      const fix = `has this schedule in the code of another app, or of another version of this one, whose worker would write it again: last at ${at}. Pause it, or take it out of that code, and remove it two hours after its last worker stopped.`;
      throw new InvalidOptionError("task", each, fix);
    }
  }
  return false;
}

async function runNow<Tx>(
  app: ScheduleManagerOptions<Tx>,
  task: AnyTask | string,
  reference: ScheduleReference<Tx>,
): Promise<bigint> {
  const { tx } = reference;
  const { task: taskName, names, id: periodicId, inCode } = keyOf(app, task, reference);
  const { schedule, nowMs } = await findStored(app.sqlOf(tx), names, periodicId);
  if (!schedule && !inCode) throw new ScheduleNotFoundError(taskName, periodicId);
  const stored = schedule?.job;
  const job = findScheduleJob({ taskName, periodicId, inCode: inCode !== undefined, job: stored }, app);
  if (!job) {
    // Throws where it is the task that is missing.
    app.tasks.get(taskName);
    throw new ScheduleNotFoundError(taskName, periodicId, { isStored: true });
  }
  const options = { ...job.options, ...(tx === undefined ? {} : { tx }) };
  return app.defer(job.task, job.argsAt(new Date(Math.floor(nowMs))), options);
}

/** The first that there is of a schedule's names. */
async function findStored(
  sql: QueueSql,
  [name, ...others]: ScheduleKey["names"],
  id: string,
): ReturnType<typeof findSchedule> {
  const found = await findSchedule(sql, name, id);
  const [other, ...rest] = others;
  return found.schedule || other === undefined ? found : findStored(sql, [other, ...rest], id);
}

/** What a worker would refuse at each tick is refused now. */
async function checkSchedule(
  task: AnyTask,
  given: ScheduleOptions & { readonly args?: object },
  prepareJob: PrepareJob,
): Promise<PeriodicTask & { readonly schedule: ResolvedSchedule }> {
  checkTask("task", task);
  const schedule = resolveSchedule("schedule", given);
  for (const option of ["lock", "queueingLock"] as const) {
    if (schedule.job[option] === null) {
      throw new InvalidOptionError(option, null, "is for schedules of the code. Leave it out for what the task says.");
    }
  }
  const { lockMode } = schedule.job;
  if (lockMode !== undefined) {
    const fix = "is for schedules of the code: a stored one has that of its task. Say it in defineTask.";
    throw new InvalidOptionError("lockMode", lockMode, fix);
  }
  const { args = {} } = given;
  if (typeof args === "function") {
    throw new InvalidOptionError("args", args, "is for schedules of the code: a stored one has plain arguments.");
  }
  const row = await prepareJob(task, args, schedule.job);
  return { task, schedule, args: JSON.parse(row.argsJson) as object };
}

interface ScheduleKey {
  /** The task's name, or what was given where the app has no such task. */
  readonly task: string;
  /** Under which it may be stored, the likeliest first. */
  readonly names: readonly [string, ...string[]];
  readonly id: string;
  /** The schedule, if it is in the code of this app. */
  readonly inCode: PeriodicTask | undefined;
}

function keyOf<Tx>(app: KnownTasks, given: AnyTask | string, reference: ScheduleReference<Tx>): ScheduleKey {
  checkKnownOptions("options", reference, ["periodicId", "tx"]);
  const { periodicId = "" } = reference;
  const id = periodicId === "" ? "" : checkName("periodicId", periodicId);
  const task = typeof given === "string" ? app.tasks.find(given) : resolveTask(app, given);
  const name = task?.name ?? (given as string);
  const inCode = app.periodic.find(name, id);
  // What has a former name in the database is what it was before its task was renamed in the code.
  if (inCode || !task) return { task: name, names: [name], id, inCode };
  const first = typeof given === "string" ? given : name;
  const others = [name, ...task.aliases].filter((each) => each !== first);
  return { task: name, names: [first, ...others], id, inCode };
}

/** What was put into a namespace has its schedules under the name that it has there. */
function resolveTask({ tasks }: KnownTasks, task: AnyTask): AnyTask {
  checkTask("task", task);
  return tasks.resolve(task);
}
