import { DatabaseError } from "../database-error.ts";
import type { WorkerEvents } from "../events.ts";
import { deferTicks } from "../sql/defer-ticks.ts";
import type { StoredSchedule } from "../sql/list-schedules.ts";
import { skipTicks } from "../sql/skip-ticks.ts";
import type { QueueSql } from "../sql/statement.ts";
import type { PreparedTick } from "./prepare-ticks.ts";

/** A tick that has no job. */
export interface IgnoredTick {
  readonly schedule: StoredSchedule;
  readonly atMs: number;
}

export interface TickWriterOptions {
  readonly sql: QueueSql;
  readonly events: WorkerEvents;
  /** This worker cannot defer the tick. */
  readonly onRefused: (schedule: StoredSchedule, atMs: number, error: unknown) => void;
}

/** Writes ticks and their jobs, and tells what became of them. */
export class TickWriter {
  readonly #options: TickWriterOptions;

  constructor(options: TickWriterOptions) {
    this.#options = options;
  }

  async skip(ignored: readonly IgnoredTick[]): Promise<void> {
    if (ignored.length === 0) return;
    const { sql, events } = this.#options;
    const skipped = await skipTicks(
      sql,
      ignored.map(({ schedule, atMs }) => ({ scheduleId: schedule.id, tick: atMs / 1000 })),
    );
    for (const { schedule, atMs } of ignored) {
      if (skipped.has(schedule.id)) events.emit("ignore_periodic_task", nameOf(schedule, atMs));
    }
  }

  /** Whether all of them are seen to, and none in the hands of somebody else. */
  async defer(ticks: readonly PreparedTick[]): Promise<boolean> {
    try {
      const placed = await deferTicks(this.#options.sql, ticks);
      for (const tick of ticks) this.#report(tick, placed);
      return placed.size === ticks.length;
    } catch (error) {
      // Somebody holds the queueing lock in a transaction that goes on.
      if (error instanceof DatabaseError && error.isLocked) return false;
      if (!isRefused(error)) throw error;
      return this.#deferEach(ticks, error);
    }
  }

  /** Nothing was written: the others shall not suffer for the data of one. */
  async #deferEach(ticks: readonly PreparedTick[], error: unknown): Promise<boolean> {
    const [first, ...others] = ticks;
    if (first && others.length === 0) this.#options.onRefused(first.schedule, first.atMs, error);
    if (others.length === 0) return true;
    let isDone = true;
    for (const tick of ticks) isDone = (await this.defer([tick])) && isDone;
    return isDone;
  }

  #report({ schedule, atMs, ignored }: PreparedTick, placed: ReadonlyMap<bigint, bigint | undefined>): void {
    const { events } = this.#options;
    const name = nameOf(schedule, atMs);
    const jobId = placed.get(schedule.id);
    if (!placed.has(schedule.id)) {
      events.emit("periodic_task_already_deferred", name);
      return;
    }
    if (ignored !== undefined) events.emit("ignore_periodic_task", nameOf(schedule, ignored));
    if (jobId === undefined) events.emit("skip_periodic_task_queueing_lock", name);
    else events.emit("periodic_task_deferred", { ...name, jobId });
  }
}

/** A unique violation is one of another worker's tick, whose turn it then was. */
function isRefused(error: unknown): boolean {
  return error instanceof DatabaseError && error.isDataProblem && !error.isUniqueViolation;
}

/** What events say of a tick. */
export function nameOf({ taskName, periodicId }: StoredSchedule, atMs: number) {
  return { taskName, periodicId, at: new Date(atMs) };
}
