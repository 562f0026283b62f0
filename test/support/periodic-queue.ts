import type { App, Worker, WorkerEvent } from "../../src/index.ts";
import type { TestQueue } from "./test-queue.ts";

const EVENTS = [
  "periodic_task_deferred",
  "periodic_task_already_deferred",
  "skip_periodic_task_queueing_lock",
  "ignore_periodic_task",
  "periodic_task_error",
] as const;

/** What a worker told of a tick, and the tick's time. */
export type TickEvent = readonly [WorkerEvent, number];

/** Collects what a worker tells of ticks. */
export function watchTicks(worker: Worker): TickEvent[] {
  const events: TickEvent[] = [];
  for (const name of EVENTS) worker.on(name, ({ at }) => events.push([name, at.getTime()]));
  return events;
}

/** Runs a worker until nothing is left to do. It first defers what is due. */
export async function runOnce<Tx>(app: App<Tx>): Promise<readonly TickEvent[]> {
  const worker = app.createWorker({ wait: false, listen: false, installSignalHandlers: false });
  const events = watchTicks(worker);
  await worker.run();
  return events;
}

export async function clearSchedules(queue: TestQueue): Promise<void> {
  await queue.clear();
  await queue.pool.query("truncate procrastinate_schedules, procrastinate_periodic_defers");
}

const BACK = `update procrastinate_schedules set last_tick = last_tick - $1, created_at = created_at - $1 * interval '1 second',
  seen_at = seen_at - $1 * interval '1 second'`;

/** As if no worker had been there for so long. Gives the time of the database, in milliseconds. */
export async function absent(queue: TestQueue, seconds: number): Promise<number> {
  await queue.pool.query(BACK, [seconds]);
  const { rows } = await queue.pool.query("select extract(epoch from now())::float8 * 1000 as now");
  return rows[0].now;
}

/** The stored ticks, in milliseconds, with the ids of their jobs. */
export async function storedTicks(queue: TestQueue): Promise<[tick: number, jobId: string | null][]> {
  const ticks = "select defer_timestamp::float8 * 1000 as at, job_id from procrastinate_periodic_defers order by 1";
  const { rows } = await queue.pool.query(ticks);
  return rows.map(({ at, job_id }) => [at, job_id]);
}
