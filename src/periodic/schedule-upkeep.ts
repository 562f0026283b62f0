import type { Clock, Random } from "../clock.ts";
import type { WorkerEvents } from "../events.ts";
import { deleteLeftSchedules } from "../sql/delete-left-schedules.ts";
import { pruneTicks } from "../sql/prune-ticks.ts";
import { seeSchedules } from "../sql/see-schedules.ts";
import type { QueueSql } from "../sql/statement.ts";
import type { PeriodicRegistry } from "./periodic-task.ts";

const INTERVAL_MS = 3_600_000;
/** What a worker has in its code it says at least this often, and a little later when it is busy. */
export const SEEN_WITHIN_MS = 2 * INTERVAL_MS;
/** Two versions of an app may run side by side for as long as a roll-out takes, and a version may come back. */
const LEFT_AFTER_MS = 7 * 86_400_000;
const PRUNE_AFTER_SECONDS = 7 * 86_400;
const PRUNE_LIMIT = 1000;

export interface UpkeepRuntime {
  readonly sql: QueueSql;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: WorkerEvents;
}

/** Keeps what is stored of schedules from growing for ever: what left the code, and ticks of long ago. */
export class ScheduleUpkeep {
  readonly #runtime: UpkeepRuntime;
  readonly #periodic: PeriodicRegistry;
  #dueAt: number | undefined;

  constructor(runtime: UpkeepRuntime, periodic: PeriodicRegistry) {
    this.#runtime = runtime;
    this.#periodic = periodic;
  }

  /** A worker without schedules is not to pay for it at its start. */
  async runIfDue(hasSchedules: boolean): Promise<void> {
    const { sql, clock, random, events } = this.#runtime;
    this.#dueAt ??= clock.now() + (hasSchedules ? 0 : INTERVAL_MS);
    if (clock.now() < this.#dueAt) return;
    const keys = this.#periodic.all.map(({ task, schedule }) => ({ task: task.name, id: schedule.periodicId }));
    if (keys.length > 0) await seeSchedules(sql, keys, INTERVAL_MS / 2);
    const count = await deleteLeftSchedules(sql, LEFT_AFTER_MS);
    if (count > 0) events.emit("periodic_tasks_removed", { count });
    const pruned = await pruneTicks(sql, { afterSeconds: PRUNE_AFTER_SECONDS, limit: PRUNE_LIMIT });
    this.#dueAt = pruned < PRUNE_LIMIT ? clock.now() + INTERVAL_MS * (0.5 + 0.5 * random()) : clock.now();
  }
}
