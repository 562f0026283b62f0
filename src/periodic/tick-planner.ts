import type { StoredSchedule } from "../sql/list-schedules.ts";
import { parseCron } from "./cron.ts";
import { type DueTimes, dueTimes, MISSED_POLICIES } from "./due-times.ts";
import { DEFAULT_MAX_DELAY_SECONDS } from "./schedule-options.ts";

interface Wait {
  readonly cron: string;
  readonly timezone: string;
  readonly lastTick: number;
  readonly next: number;
}

const NOTHING = { due: undefined, hasMore: false, ignored: undefined, next: undefined };

/**
 * Says what is due, and remembers until when nothing is: asking a cron expression takes 0.1 ms, and there may be
 * thousands.
 */
export class TickPlanner {
  readonly #waits = new Map<bigint, Wait>();
  /** Ticks that this worker cannot defer, in milliseconds. */
  readonly #refused = new Map<bigint, number>();
  /** Expressions that cannot be read, so that this is said once. */
  readonly #unreadable = new Map<bigint, string>();

  /** @throws InvalidOptionError when the schedule's expression cannot be read, the first time. */
  plan(schedule: StoredSchedule, nowMs: number): DueTimes {
    const { id, cron, timezone, lastTick } = schedule;
    const wait = this.#waits.get(id);
    const isSame = wait?.cron === cron && wait.timezone === timezone && wait.lastTick === lastTick;
    if (wait && isSame && nowMs < wait.next) {
      return { ...NOTHING, next: wait.next };
    }
    const key = `${timezone} ${cron}`;
    if (this.#unreadable.get(id) === key) return NOTHING;
    this.#unreadable.set(id, key);
    const times = parseCron({ cron, timezone });
    this.#unreadable.delete(id);
    const plan = dueTimes({
      times,
      lastTickMs: Math.max(lastTick * 1000, this.#refused.get(id) ?? 0),
      nowMs,
      missed: MISSED_POLICIES.find((policy) => policy === schedule.missed) ?? "once",
      maxDelayMs: (schedule.maxDelaySeconds ?? DEFAULT_MAX_DELAY_SECONDS) * 1000,
    });
    const isWaiting = plan.due === undefined && plan.ignored === undefined && plan.next !== undefined;
    if (isWaiting) this.#waits.set(id, { cron, timezone, lastTick, next: plan.next });
    else this.#waits.delete(id);
    return plan;
  }

  /** This worker does not try that tick again; others may have another version of the code. */
  refuse(id: bigint, tickMs: number): void {
    this.#waits.delete(id);
    this.#refused.set(id, tickMs);
  }

  /** Forgets all other schedules. */
  keep(ids: ReadonlySet<bigint>): void {
    for (const map of [this.#waits, this.#refused, this.#unreadable]) {
      for (const id of map.keys()) if (!ids.has(id)) map.delete(id);
    }
  }
}
