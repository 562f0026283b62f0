import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { defineTask, JobNotFoundError, JobWaitTimeoutError } from "../../src/index.ts";
import { type Child, spawnChild } from "../support/child.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { gate, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(async () => {
  await queue.clear();
  await queue.pool.query("delete from procrastinate_workers");
  await queue.pool.query("delete from procrastinate_events");
});
afterAll(() => queue.close());

const endless = defineTask<object>({ name: "endless", queue: "slow" });

describe("a worker in another process", () => {
  let child: Child;
  beforeEach(async () => {
    child = spawnChild(new URL("../support/fixtures/abortable-worker.ts", import.meta.url), {
      env: { DATABASE_URL: queue.url },
    });
    await child.waitForLine("listening");
  });
  afterEach(() => child.kill());

  test("stops a job at once when that is asked for, and can be given it again", async () => {
    const app = queue.app([endless]);
    const [id, other] = [await app.defer(endless), await app.defer(endless)];
    for (const running of [id, other]) await child.waitForLine(`running ${running}`);
    await expect(app.jobs.cancel(id)).rejects.toMatchObject({
      code: "job_status",
      status: "doing",
      message: /abort: true/,
    });
    expect(await app.jobs.cancel(id, { abort: true })).toBe("abort_requested");
    expect(await app.jobs.wait(id, { timeout: { seconds: 10 } })).toMatchObject({
      status: "aborted",
      abortRequested: true,
    });
    expect(child.lines).toContain(`asked to stop ${id}: user_request`);
    expect(child.lines.join()).not.toContain(`stop ${other}`);

    await app.jobs.retry(id);
    await until(() => child.lines.filter((line) => line === `running ${id}`).length === 2);
    await queue.transaction(async (tx) => {
      expect(await app.jobs.cancelMany({ task: "endless" }, { abort: true, tx })).toMatchObject({ abortRequested: 2 });
    });
    await until(async () => (await app.jobs.count()).aborted === 2);
    expect((await app.jobs.history(id)).map(({ type }) => type)).toEqual([
      ...["deferred", "abort_requested", "aborted", "retried", "started", "abort_requested", "aborted"],
    ]);
    expect((await child.kill("SIGTERM")).code).toBe(0);
  });

  test("is listed while it lives, and its jobs as stalled when it was killed", async () => {
    const app = queue.app([endless]);
    const id = await app.defer(endless);
    await child.waitForLine(`running ${id}`);
    expect(await app.workers.list()).toEqual([
      {
        ...{ id: expect.any(BigInt), name: "child", queues: ["slow"], runningJobs: 1, idle: expect.any(Boolean) },
        ...{ startedAt: expect.any(Date), lastHeartbeat: expect.any(Date) },
      },
    ]);
    expect(await app.jobs.listStalled()).toEqual([]);
    await child.kill("SIGKILL");
    const stalled = await until(async () => {
      const jobs = await app.jobs.listStalled({ olderThan: { milliseconds: 200 } });
      return jobs.length > 0 && jobs;
    });
    expect(stalled).toMatchObject([{ id, status: "doing", taskName: "endless" }]);
    await queue.pool.query("delete from procrastinate_workers");
    expect(await app.jobs.listStalled({ olderThan: { days: 1 } })).toMatchObject([{ id }]);
  });
});

test("a job that a worker took ahead and has not begun ends as aborted without running", async () => {
  const held = gate();
  const ran: bigint[] = [];
  const task = defineTask({
    name: "t",
    run: async (_args, { job }) => {
      ran.push(job.id);
      await held.opened;
    },
  });
  const app = queue.app([task]);
  // A lane of one lock: the second job is taken along, and given back as the first one takes long.
  const [first = 0n, second = 0n] = await app.batchDefer(task, [{}, {}], { lock: "l" });
  await using _worker = startWorker(app);
  await until(() => ran.includes(first));
  if ((await app.jobs.get(second)).status === "doing") await app.jobs.cancel(second, { abort: true });
  else await app.jobs.cancel(second);
  await until(async () => ["aborted", "cancelled"].includes((await app.jobs.get(second)).status));
  held.open();
  await app.jobs.wait(first);
  expect(ran).toEqual([first]);
});

describe("wait", () => {
  test("resolves with the finished job and what its handler stored", async () => {
    const task = defineTask({
      name: "t",
      run: ({ n }: { n: number }, context) => queue.transaction((tx) => context.complete(tx, { doubled: n * 2 })),
    });
    const app = queue.app([task]);
    await using _worker = startWorker(app);
    const id = await app.defer(task, { n: 21 });
    expect(await app.jobs.wait(id)).toMatchObject({ id, status: "succeeded", result: { doubled: 42 } });
  });

  test("rejects when it takes too long, and the job goes on", async () => {
    const app = queue.app([endless]);
    const id = await app.defer(endless);
    const error = await app.jobs.wait(id, { timeout: { milliseconds: 30 } }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(JobWaitTimeoutError);
    expect(error).toMatchObject({ code: "job_wait_timeout", jobId: id, status: "todo", timeoutMs: 30 });
    expect((await app.jobs.get(id)).status).toBe("todo");
  });

  test("rejects with the reason of a signal, and when the job is gone", async () => {
    const app = queue.app([endless]);
    const id = await app.defer(endless);
    const controller = new AbortController();
    const waiting = app.jobs.wait(id, { signal: controller.signal });
    // Expected before the job is deleted: its rejection may come while the delete is still on its way back.
    const gone = expect(app.jobs.wait(id)).rejects.toThrow(JobNotFoundError);
    const reason = new Error("the client hung up");
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(app.jobs.wait(id, { signal: controller.signal })).rejects.toBe(reason);
    await app.jobs.delete(id);
    await gone;
    await expect(app.jobs.wait(id)).rejects.toThrow(JobNotFoundError);
  });
});
