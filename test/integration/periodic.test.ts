import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { defineTask, type PeriodicTask, periodic, type WorkerEvent } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(async () => {
  await queue.clear();
  await queue.pool.query("truncate procrastinate_schedules, procrastinate_periodic_defers");
});
afterAll(() => queue.close());

const task = defineTask({ name: "t", run: (_args: { at?: number }) => undefined });
const appOf = (...list: PeriodicTask[]) => queue.app([task], { periodic: list });
const atOf = (at: Date) => ({ at: at.getTime() });

/** Runs a worker until nothing is left to do; it first defers what is due. */
async function runOnce(app: ReturnType<typeof appOf>): Promise<[WorkerEvent, number][]> {
  const events: [WorkerEvent, number][] = [];
  const worker = app.createWorker({ wait: false, listen: false, installSignalHandlers: false });
  for (const name of [
    "periodic_task_deferred",
    "periodic_task_already_deferred",
    "skip_periodic_task_queueing_lock",
    "ignore_periodic_task",
    "periodic_task_error",
  ] as const) {
    worker.on(name, ({ at }) => events.push([name, at.getTime()]));
  }
  await worker.run();
  return events;
}

/** As if no worker had been there for so long. */
async function absent(seconds: number): Promise<number> {
  const back =
    "update procrastinate_schedules set last_tick = last_tick - $1, created_at = created_at - $1 * interval '1 second'";
  await queue.pool.query(back, [seconds]);
  const { rows } = await queue.pool.query("select floor(extract(epoch from now()))::float8 * 1000 as now");
  return rows[0].now;
}

const ticks = async (): Promise<number[]> => {
  const { rows } = await queue.pool.query(
    "select defer_timestamp::float8 * 1000 as at from procrastinate_periodic_defers order by 1",
  );
  return rows.map(({ at }) => at);
};
const HOUR = 3_600_000;

describe("a tick", () => {
  test("becomes a job with the tick's time, and a row that names it", async () => {
    const app = appOf(periodic(task, { cron: "* * * * * *", args: atOf }));
    await using _worker = startWorker(app);
    const job = await until(async () => (await queue.jobs()).find(({ status }) => status === "succeeded"));
    const { rows } = await queue.pool.query("select * from procrastinate_periodic_defers where job_id = $1", [
      String(job.id),
    ]);
    expect(rows).toHaveLength(1);
    expect(Number(rows[0].defer_timestamp) * 1000).toBe(job.args["at"]);
  });

  test("of a schedule that is new is none of the time before", async () => {
    expect(await runOnce(appOf(periodic(task, { cron: "0 * * * *" })))).toEqual([]);
    expect(await runOnce(appOf(periodic(task, { cron: "0 * * * *" })))).toEqual([]);
    expect(await queue.jobs()).toEqual([]);
  });

  test("that was missed is made up for once, by the latest", async () => {
    const app = appOf(periodic(task, { cron: "0 * * * *", maxDelay: { hours: 1 }, args: atOf }));
    await runOnce(app);
    const now = await absent(5 * 3600);
    const latest = now - (now % HOUR);
    expect(await runOnce(app)).toEqual([
      ["ignore_periodic_task", latest - HOUR],
      ["periodic_task_deferred", latest],
    ]);
    expect((await queue.jobs()).map(({ args }) => args)).toEqual([{ at: latest }]);
    expect(await ticks()).toEqual([latest]);
    expect(await runOnce(app)).toEqual([]);
  });
});
