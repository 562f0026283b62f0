import { type Clock, type Random, sleep } from "../clock.ts";
import { DatabaseError } from "../database-error.ts";
import type { WorkerEvents } from "../events.ts";
import { Loop, type Service } from "../service.ts";
import { listSchedules, type StoredSchedule } from "../sql/list-schedules.ts";
import type { QueueSql } from "../sql/statement.ts";
import { upsertSchedules } from "../sql/upsert-schedules.ts";
import { type PreparedTick, type PrepareJob, prepareTick, splitTicks } from "./prepare-ticks.ts";
import { findScheduleJob, type KnownTasks } from "./schedule-job.ts";
import { toNewSchedule } from "./schedule-row.ts";
import { ScheduleUpkeep } from "./schedule-upkeep.ts";
import { TickPlanner } from "./tick-planner.ts";
import { type IgnoredTick, nameOf, TickWriter } from "./tick-writer.ts";

/** What the deferrer has of its worker. */
export interface PeriodicRuntime {
  readonly sql: QueueSql;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: WorkerEvents;
  readonly options: { readonly wait: boolean; readonly name: string };
  readonly health: { ok(): void; failed(error: unknown): number };
}

export interface PeriodicCode extends KnownTasks {
  readonly prepareJob: PrepareJob;
}

/** A worker that cannot be notified sees a new schedule within this time; and any worker a clock that was set. */
const POLL_MS = 15_000;
const EMPTY_POLL_MS = 60_000;
/** What somebody else has locked is looked at again, in case he does not do it. */
const LOOK_AGAIN_MS = 1000;
const MAX_BLOCK_MS = 10;

/** Defers the jobs of all schedules that this app knows, as every worker does. One statement keeps them apart. */
export class PeriodicDeferrer implements Service {
  readonly #runtime: PeriodicRuntime;
  readonly #code: PeriodicCode;
  readonly #planner = new TickPlanner();
  readonly #writer: TickWriter;
  readonly #upkeep: ScheduleUpkeep;
  readonly #loop: Loop;
  #isRegistered = false;
  #isFirst = true;
  /** Further ticks were due than the one that a schedule has per step. */
  #hasMore = false;
  #hasSchedules = false;

  constructor(runtime: PeriodicRuntime, code: PeriodicCode) {
    this.#runtime = runtime;
    this.#code = code;
    const { sql, events } = runtime;
    this.#writer = new TickWriter({ sql, events, onRefused: (...refused) => this.#refuse(...refused) });
    this.#upkeep = new ScheduleUpkeep(runtime, code.periodic);
    this.#loop = new Loop({
      clock: runtime.clock,
      step: () => this.#step(),
      onError: (error) => runtime.health.failed(error),
    });
  }

  /** A worker that ends when nothing is left to do first defers what is due. */
  async start(): Promise<void> {
    const { options, health } = this.#runtime;
    if (!options.wait) await this.#deferAll().catch((error: unknown) => health.failed(error));
    await this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  wake(): void {
    this.#loop.wake();
  }

  async #deferAll(): Promise<void> {
    do await this.#deferDue();
    while (this.#hasMore);
  }

  async #step(): Promise<number> {
    const waitMs = await this.#deferDue();
    await this.#upkeep.runIfDue(this.#hasSchedules);
    this.#runtime.health.ok();
    this.#runtime.events.emit("wait_next_tick", { waitMs });
    return waitMs;
  }

  /** Defers at most one tick of each schedule. Gives the milliseconds until the next one. */
  async #deferDue(): Promise<number> {
    const { sql, clock, events, random, options } = this.#runtime;
    // Somebody may have a row locked for long: the others are deferred nevertheless.
    if (!this.#isRegistered) await this.#register().catch(throwUnlessLocked);
    const { schedules, nowMs } = await listSchedules(sql);
    const listedAt = clock.now();
    if (this.#isFirst && schedules.length === 0) events.emit("periodic_deferrer_no_task", { worker: options.name });
    this.#isFirst = false;
    this.#planner.keep(new Set(schedules.map(({ id }) => id)));
    this.#isRegistered &&= this.#hasAll(schedules);
    this.#hasSchedules = schedules.length > 0;
    const { due, ignored, hasMore, nextMs } = await this.#plan(schedules, nowMs);
    await this.#writer.skip(ignored);
    let isDone = this.#isRegistered;
    for (const ticks of splitTicks(due)) isDone = (await this.#writer.defer(ticks)) && isDone;
    this.#hasMore = hasMore && isDone;
    if (this.#hasMore) return 0;
    const pollMs = this.#hasSchedules ? POLL_MS : EMPTY_POLL_MS;
    const limitMs = isDone ? pollMs : LOOK_AGAIN_MS * (0.5 + 0.5 * random());
    return Math.max(0, Math.min(limitMs, Math.ceil(nextMs - nowMs - (clock.now() - listedAt))));
  }

  async #register(): Promise<void> {
    const { all } = this.#code.periodic;
    const rows = all.map(toNewSchedule);
    if (all.length > 0) await upsertSchedules(this.#runtime.sql, rows, { inCode: true, isPatient: false });
    for (const { task, schedule } of all) {
      const { periodicId, cron, timezone } = schedule;
      this.#runtime.events.emit("registering_periodic_task", { taskName: task.name, periodicId, cron, timezone });
    }
    this.#isRegistered = true;
  }

  /** Somebody may have emptied the table. */
  #hasAll(schedules: readonly StoredSchedule[]): boolean {
    const { periodic } = this.#code;
    const found = schedules.filter((each) => periodic.find(each.taskName, each.periodicId) !== undefined);
    return found.length === periodic.all.length;
  }

  async #plan(schedules: readonly StoredSchedule[], nowMs: number): Promise<Plan> {
    const plan: Plan = { due: [], ignored: [], hasMore: false, nextMs: Number.POSITIVE_INFINITY };
    const { clock } = this.#runtime;
    let pausedAt = clock.now();
    for (const schedule of schedules) {
      // Thousands of expressions take seconds on a busy machine: the jobs and the heartbeat shall not wait for them.
      if (clock.now() - pausedAt > MAX_BLOCK_MS) {
        await sleep(clock, 0);
        pausedAt = clock.now();
      }
      const job = schedule.isPaused ? undefined : findScheduleJob(schedule, this.#code);
      if (!job) continue;
      let atMs = nowMs;
      try {
        const { due, ignored, hasMore, next } = this.#planner.plan(schedule, nowMs);
        plan.nextMs = Math.min(plan.nextMs, next ?? Number.POSITIVE_INFINITY);
        atMs = due ?? nowMs;
        plan.hasMore ||= hasMore;
        if (due !== undefined)
          plan.due.push(await prepareTick(this.#code.prepareJob, { schedule, job, atMs: due, ignored }));
        else if (ignored !== undefined) plan.ignored.push({ schedule, atMs: ignored });
      } catch (error) {
        this.#refuse(schedule, atMs, error);
      }
    }
    return plan;
  }

  #refuse(schedule: StoredSchedule, atMs: number, error: unknown): void {
    this.#planner.refuse(schedule.id, atMs);
    this.#runtime.events.emit("periodic_task_error", { ...nameOf(schedule, atMs), error });
  }
}

function throwUnlessLocked(error: unknown): void {
  if (!(error instanceof DatabaseError && error.isLocked)) throw error;
}

interface Plan {
  readonly due: PreparedTick[];
  readonly ignored: IgnoredTick[];
  hasMore: boolean;
  nextMs: number;
}
