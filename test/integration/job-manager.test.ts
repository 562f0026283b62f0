import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { defineTask, InvalidOptionError, JobNotFoundError, JobStatusError } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(async () => {
  await queue.clear();
  await queue.pool.query("delete from procrastinate_events");
});
afterAll(() => queue.close());

const work = defineTask({ name: "work", run: ({ n }: { n: number }) => n });
const fail = defineTask({
  name: "fail",
  run: () => {
    throw new Error("on purpose");
  },
});

async function drain(): Promise<void> {
  await queue.app([work, fail]).createWorker({ wait: false, installSignalHandlers: false }).run();
}

const events = async (): Promise<string[]> =>
  (await queue.pool.query("select type::text from procrastinate_events order by id")).rows.map(({ type }) => type);

describe("get", () => {
  test("gives all that is known of a job that waits", async () => {
    const app = queue.app([work]);
    const scheduleAt = new Date("2100-01-02T03:04:05.678Z");
    const id = await app.defer(work, { n: 1 }, { queue: "q", priority: 3, lock: "l", queueingLock: "k", scheduleAt });
    expect(await app.jobs.get(id)).toEqual({
      ...{ id, status: "todo", queue: "q", taskName: "work", priority: 3, lock: "l", lockMode: "ordered" },
      ...{ queueingLock: "k", args: { n: 1 }, attempts: 0, rescues: 0, abortRequested: false, workerId: null },
      ...{ scheduledAt: scheduleAt, deferredAt: expect.any(Date), startedAt: null, finishedAt: null },
      ...{ result: null, progress: null },
    });
  });

  test("gives what became of a job, its result and progress", async () => {
    const app = queue.app([work]);
    const id = await app.defer(work, { n: 1 });
    await drain();
    await queue.pool.query(`update procrastinate_jobs set result = '{"a":[1]}', progress = '0.5', worker_id = 7`);
    const job = await app.jobs.get(id);
    expect(job).toMatchObject({ status: "succeeded", attempts: 1, workerId: 7n, result: { a: [1] }, progress: 0.5 });
    expect(job.startedAt?.getTime()).toBeLessThanOrEqual(job.finishedAt?.getTime() ?? 0);
  });

  test("sees what a transaction wrote, inside of it alone", async () => {
    const app = queue.app([work]);
    await queue.transaction(async (tx) => {
      const id = await app.defer(work, { n: 1 }, { tx });
      expect((await app.jobs.get(id, { tx })).id).toBe(id);
      await expect(app.jobs.get(id)).rejects.toThrow(JobNotFoundError);
    });
  });

  test("says that a job does not exist, and what is no id", async () => {
    const { jobs } = queue.app([]);
    await expect(jobs.get(999n)).rejects.toMatchObject({
      name: "JobNotFoundError",
      code: "job_not_found",
      jobId: 999n,
    });
    for (const id of [1, "1", undefined, 2n ** 63n])
      await expect(jobs.get(id as never)).rejects.toThrow(InvalidOptionError);
  });
});

describe("cancel", () => {
  test("ends a job that waits, and says so in its history", async () => {
    const app = queue.app([work]);
    const id = await app.defer(work, { n: 1 }, { queueingLock: "k", scheduleIn: { hours: 1 } });
    expect(await app.jobs.cancel(id)).toBe("cancelled");
    expect(await app.jobs.get(id)).toMatchObject({ status: "cancelled", finishedAt: expect.any(Date), attempts: 0 });
    expect((await app.jobs.history(id)).map(({ type }) => type)).toEqual(["deferred", "cancelled"]);
    // The queueing lock is free again.
    await app.defer(work, { n: 2 }, { queueingLock: "k" });
    await drain();
    expect((await queue.jobs()).map(({ status }) => status)).toEqual(["cancelled", "succeeded"]);
  });

  test("deletes a job that waits where that is asked for", async () => {
    const app = queue.app([work]);
    const id = await app.defer(work, { n: 1 });
    await app.jobs.setPriority(id, 5);
    expect(await app.jobs.cancel(id, { delete: true })).toBe("deleted");
    expect(await queue.jobs()).toEqual([]);
    expect(await events()).toEqual([]);
  });

  test("happens when, and only when, the caller's transaction commits", async () => {
    const app = queue.app([work]);
    const id = await app.defer(work, { n: 1 });
    const failing = queue.transaction(async (tx) => {
      expect(await app.jobs.cancel(id, { tx })).toBe("cancelled");
      expect((await app.jobs.get(id)).status).toBe("todo");
      throw new Error("over");
    });
    await expect(failing).rejects.toThrow("over");
    expect((await app.jobs.get(id)).status).toBe("todo");
    await queue.transaction((tx) => app.jobs.cancel(id, { tx }));
    expect((await app.jobs.get(id)).status).toBe("cancelled");
  });

  test("refuses a job that has finished, with the state found, and leaves the transaction usable", async () => {
    const app = queue.app([work]);
    const id = await app.defer(work, { n: 1 });
    await drain();
    await queue.transaction(async (tx) => {
      const refused = app.jobs.cancel(id, { abort: true, tx });
      await expect(refused).rejects.toMatchObject({ code: "job_status", jobId: id, status: "succeeded" });
      await app.defer(work, { n: 2 }, { tx });
    });
    expect(await queue.jobs()).toHaveLength(2);
  });
});

describe("retry", () => {
  test.each(["failed", "aborted", "cancelled"])("lets a job that is %s run again", async (status) => {
    const app = queue.app([work]);
    const id = await app.defer(work, { n: 1 });
    await drain();
    await queue.pool.query(
      "update procrastinate_jobs set status = $1, abort_requested = true, result = '1', rescues = 3",
      [status],
    );
    await app.jobs.retry(id);
    expect(await app.jobs.get(id)).toMatchObject({
      ...{ status: "todo", attempts: 1, rescues: 0, abortRequested: false, workerId: null, result: null },
      ...{ startedAt: null, finishedAt: null, scheduledAt: null },
    });
    await drain();
    expect(await app.jobs.get(id)).toMatchObject({ status: "succeeded", attempts: 2 });
    expect((await app.jobs.history(id)).map(({ type, detail }) => [type, detail])).toEqual([
      ["deferred", null],
      ["retried", { from: status }],
      ["started", null],
      ["succeeded", null],
    ]);
  });

  test("can change when, where and how it runs", async () => {
    const app = queue.app([fail]);
    const id = await app.defer(fail, {}, { lock: "l", queueingLock: "k" });
    await drain();
    const scheduleAt = new Date("2100-01-01T00:00:00Z");
    await app.jobs.retry(id, { scheduleAt, priority: 4, queue: "other", lock: null, queueingLock: null });
    expect(await app.jobs.get(id)).toMatchObject({
      scheduledAt: scheduleAt,
      priority: 4,
      queue: "other",
      lock: null,
      queueingLock: null,
    });
    expect((await queue.jobs())[0]).toMatchObject({ ready: false, wakeAt: scheduleAt, queueingKey: null });
  });

  test.each([
    ["todo", /reschedule/],
    ["doing", /abort: true/],
    ["succeeded", /defer a new one/],
  ])("refuses a job that is %s", async (status, message) => {
    const app = queue.app([work]);
    const id = await app.defer(work, { n: 1 });
    const finished = status === "succeeded" ? "now()" : "null";
    await queue.pool.query(`update procrastinate_jobs set status = '${status}', finished_at = ${finished}`);
    const refused = app.jobs.retry(id);
    await expect(refused).rejects.toThrow(JobStatusError);
    await expect(refused).rejects.toThrow(message);
    expect(await events()).toEqual([]);
  });
});

describe("retry of a job with a queueing lock", () => {
  async function failed(): Promise<bigint> {
    const id = await queue.app([fail]).defer(fail, {}, { queueingLock: "k" });
    await drain();
    return id;
  }

  test("takes the lock again, also inside a transaction, and leaves nothing behind", async () => {
    const app = queue.app([work]);
    const [first, second] = [await failed(), await failed()];
    await app.jobs.retry(first);
    await app.jobs.cancel(first);
    await queue.transaction((tx) => app.jobs.retry(second, { tx }));
    expect((await queue.jobs()).map(({ status, queueingKey }) => [status, queueingKey])).toEqual([
      ["cancelled", null],
      ["todo", "k"],
    ]);
  });

  test("is refused while another job waits under it, and the transaction goes on", async () => {
    const app = queue.app([work]);
    const id = await failed();
    await app.defer(work, { n: 1 }, { queueingLock: "k" });
    const refusal = {
      code: "already_enqueued",
      queueingLock: "k",
      message: expect.stringContaining("queueingLock: null"),
    };
    await expect(app.jobs.retry(id)).rejects.toMatchObject(refusal);
    await queue.transaction(async (tx) => {
      await expect(app.jobs.retry(id, { tx })).rejects.toMatchObject(refusal);
      await app.jobs.retry(id, { tx, queueingLock: null });
    });
    expect((await queue.jobs()).map(({ status, queueingKey }) => [status, queueingKey])).toEqual([
      ["todo", null],
      ["todo", "k"],
    ]);
  });

  test.each([true, false])(
    "waits for a transaction that is deferring one; then it is refused if that commits: %s",
    async (commits) => {
      const app = queue.app([work]);
      const id = await failed();
      const other = await queue.pool.connect();
      await other.query("begin");
      await app.defer(work, { n: 1 }, { queueingLock: "k", tx: other });
      const outcome = queue.transaction(async (tx) => {
        const error = await app.jobs.retry(id, { tx }).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        await app.defer(work, { n: 2 }, { tx });
        return error;
      });
      await queue.untilBlocked();
      await other.query(commits ? "commit" : "rollback");
      other.release();
      expect(((await outcome) as { code?: string } | undefined)?.code).toBe(commits ? "already_enqueued" : undefined);
      expect((await app.jobs.get(id)).status).toBe(commits ? "failed" : "todo");
    },
  );
});

describe("reschedule and setPriority", () => {
  test("change a job that waits, and its history tells from what to what", async () => {
    const app = queue.app([work]);
    const id = await app.defer(work, { n: 1 });
    const scheduleAt = new Date("2100-01-01T00:00:00Z");
    await app.jobs.reschedule(id, { scheduleAt });
    expect((await queue.jobs())[0]).toMatchObject({ ready: false, scheduledAt: scheduleAt, wakeAt: scheduleAt });
    await app.jobs.setPriority(id, -4);
    expect((await queue.jobs())[0]).toMatchObject({ ready: false, priority: -4, wakeAt: scheduleAt });
    await app.jobs.reschedule(id, { scheduleIn: {} });
    expect((await queue.jobs())[0]).toMatchObject({ ready: true, scheduledAt: null, wakeAt: null });
    const [, ...changes] = await app.jobs.history(id);
    expect(changes.map(({ type, detail }) => [type, detail])).toEqual([
      ["scheduled", { from: null, to: expect.stringMatching(/^2100|^2099/) }],
      ["changed", { priority: { from: 0, to: -4 } }],
      ["scheduled", { from: expect.stringMatching(/^2100|^2099/), to: null }],
    ]);
    await drain();
    expect((await app.jobs.get(id)).status).toBe("succeeded");
  });

  test("refuse a job that does not wait, one that does not exist, and no time at all", async () => {
    const app = queue.app([work]);
    const id = await app.defer(work, { n: 1 });
    await drain();
    await expect(app.jobs.setPriority(id, 1)).rejects.toMatchObject({ code: "job_status", status: "succeeded" });
    await expect(app.jobs.reschedule(id, { scheduleIn: {} })).rejects.toThrow(JobStatusError);
    await expect(app.jobs.setPriority(12345n, 1)).rejects.toThrow(JobNotFoundError);
    await expect(app.jobs.reschedule(id, {})).rejects.toThrow(/neither scheduleAt nor scheduleIn/);
    await expect(app.jobs.setPriority(id, 1.5)).rejects.toThrow(InvalidOptionError);
  });
});

describe("delete", () => {
  test("takes a job and its history, in the caller's transaction", async () => {
    const app = queue.app([fail]);
    const id = await app.defer(fail);
    await drain();
    expect(await events()).toEqual(["failed"]);
    await queue.transaction(async (tx) => {
      await app.jobs.delete(id, { tx });
      expect(await queue.jobs()).toHaveLength(1);
    });
    expect(await queue.jobs()).toEqual([]);
    expect(await events()).toEqual([]);
    await expect(app.jobs.delete(id)).rejects.toThrow(JobNotFoundError);
  });

  test("refuses a job that runs", async () => {
    const app = queue.app([work]);
    const id = await app.defer(work, { n: 1 });
    await queue.pool.query("update procrastinate_jobs set status = 'doing'");
    await expect(app.jobs.delete(id)).rejects.toMatchObject({ code: "job_status", status: "doing" });
  });
});

test("a job that is deleted when it ends takes along the events of changes before its first run", async () => {
  const app = queue.app([work]);
  const ids = await app.batchDefer(work, [{ n: 1 }, { n: 2 }, { n: 3 }]);
  await app.jobs.setPriority(ids[0] ?? 0n, 1);
  await app.jobs.cancel(ids[1] ?? 0n);
  await app.jobs.retry(ids[1] ?? 0n);
  await using started = startWorker(app, { wait: false, deleteJobs: "successful" });
  await started.done;
  expect(await queue.jobs()).toEqual([]);
  expect(await events()).toEqual([]);
});

test("a batch that commits before it answers is no transaction for changes, and nothing is sent", async () => {
  const { connector } = queue;
  const using: typeof connector.using = (tx) => ({ ...connector.using(tx), isBatch: true });
  const app = queue.app([work], { connector: { ...connector, using } });
  const id = await queue.app([work]).defer(work, { n: 1 });
  await queue.transaction(async (tx) => {
    await expect(app.jobs.cancel(id, { tx })).rejects.toThrow(/tx: .*batch, which commits before it answers/);
    await expect(app.jobs.retry(id, { tx })).rejects.toThrow(InvalidOptionError);
  });
  expect((await app.jobs.get(id)).status).toBe("todo");
});
