import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { drizzleConnector } from "../../drizzle/index.ts";
import { createApp, defineTask, type LogFields, type Logger, periodic } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { FAST, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

/** A logger that keeps its lines, and what they say of one job or of none. */
function recorder() {
  const lines: LogFields[] = [];
  const note = (fields: LogFields): void => void lines.push(fields);
  const logger: Logger = { debug: note, info: note, warn: note, error: note };
  const idOf = ({ job }: LogFields): unknown => (job as { id?: string } | undefined)?.id;
  const actions = (id?: bigint): unknown[] =>
    lines.filter((line) => idOf(line) === id?.toString()).map(({ action }) => action);
  return { lines, logger, actions };
}

const good = defineTask({ name: "good", run: () => 1 });
const bad = defineTask({ name: "bad", run: () => Promise.reject(new Error("as told")) });
const long = defineTask({
  name: "long",
  run: (_args, { signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
});

test("what becomes of each job, and of its worker, is logged in its order", async () => {
  const { logger, actions } = recorder();
  const app = queue.app([good, bad, long], { logger });
  const { worker, done } = startWorker(app, { concurrency: 4, shutdownGrace: { milliseconds: 0 } });
  await until(() => actions().includes("idle"));
  const ids = {
    succeeding: await app.defer(good),
    failing: await app.defer(bad),
    unknown: await app.deferByName("unknown", {}, { allowUnknown: true }),
    aborted: await app.defer(long),
    interrupted: await app.defer(long),
  };
  await until(() => [ids.aborted, ids.interrupted].every((id) => actions(id).includes("start_job")));
  await app.jobs.cancel(ids.aborted, { abort: true });
  for (const id of [ids.succeeding, ids.failing, ids.unknown, ids.aborted]) {
    await until(() => /job_(success|error|aborted)/.test(String(actions(id).at(-1))));
  }
  await worker.stop();
  await done;
  expect(Object.fromEntries(Object.entries(ids).map(([name, id]) => [name, actions(id)]))).toEqual({
    succeeding: ["start_job", "job_success"],
    failing: ["start_job", "job_error"],
    unknown: ["start_job", "task_not_found", "job_error"],
    aborted: ["start_job", "abort_job", "job_aborted"],
    interrupted: ["start_job", "ending_job", "abort_job", "job_interrupted"],
  });
  const others = actions();
  const own = others.filter((action) => String(action).endsWith("_worker"));
  expect(own).toEqual(["start_worker", "stopping_worker", "stop_worker"]);
  expect(others.filter((action) => action === "jobs_deferred")).toHaveLength(5);
  expect(others.at(-1)).toBe("stop_worker");
  for (const action of ["listening", "jobs_fetched", "periodic_deferrer_no_task"]) expect(others).toContain(action);
});

test("a pool that is smaller than the worker may need is said once, at the start", async () => {
  for (const [max, expected] of [
    [2, [{ action: "small_pool", maxConnections: 2, concurrency: 1 }]],
    [6, []],
  ] as const) {
    const { logger, lines } = recorder();
    const pool = new pg.Pool({ connectionString: queue.url, max });
    const app = createApp({ connector: drizzleConnector(drizzle(pool)), tasks: [good], logger });
    await app.createWorker({ ...FAST, wait: false }).run();
    await pool.end();
    expect(lines.filter(({ action }) => action === "small_pool")).toEqual(expected);
  }
});

test("a listener that throws is logged, and harms neither the job nor the listeners after it", async () => {
  const { logger, lines } = recorder();
  const app = queue.app([good], { logger });
  await app.defer(good);
  const worker = app.createWorker({ ...FAST, wait: false });
  const error = new Error("in the listener");
  worker.on("start_job", () => {
    throw error;
  });
  const heard: string[] = [];
  worker.on("start_job", ({ job }) => heard.push(job.taskName));
  await worker.run();
  expect(lines.filter(({ action }) => action === "listener_error")).toEqual([
    { action: "listener_error", event: "start_job", error },
  ]);
  expect(heard).toEqual(["good"]);
  expect((await queue.jobs())[0]?.status).toBe("succeeded");
});

test("schedules are logged before the wait for their next tick", async () => {
  const { logger, lines, actions } = recorder();
  const app = queue.app([good], { logger, periodic: [periodic(good, { cron: "0 0 29 2 *", timezone: "Asia/Tokyo" })] });
  await using _worker = startWorker(app);
  await until(() => actions().includes("wait_next_tick"));
  const [registering, wait] = lines.filter(({ action }) => /periodic|tick/.test(String(action)));
  expect(registering).toEqual({
    ...{ action: "registering_periodic_task", taskName: "good", periodicId: "" },
    ...{ cron: "0 0 29 2 *", timezone: "Asia/Tokyo" },
  });
  expect(wait).toEqual({ action: "wait_next_tick", waitMs: expect.any(Number) });
});
