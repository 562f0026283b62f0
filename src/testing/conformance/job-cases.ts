import assert from "node:assert/strict";
import { AlreadyEnqueuedError, defineTask, JobStatusError, JobWaitTimeoutError } from "../../index.ts";
import { runDueJobs } from "../run-due-jobs.ts";
import type { CaseDefinition } from "./case.ts";

const TEXT = `é"\\'$1`;

const looksAtJobs: CaseDefinition = {
  name: "lists jobs in pages, with their arguments and times, counts them, and tells their history",
  async check({ app, queue }) {
    const task = defineTask({ name: "conformance.listed", queue, run: ({ text }: { text: string }) => text });
    const working = app([task]);
    const scheduleAt = new Date(4_102_444_800_123);
    const ids = [
      await working.defer(task, { text: TEXT }),
      await working.defer(task, { text: "later" }, { scheduleAt, priority: 2 }),
    ];
    await runDueJobs(working, { queues: [queue] });
    const filter = { queue, deferredAfter: new Date(0), status: ["todo", "succeeded"] } as const;
    const first = await working.jobs.list(filter, { limit: 1 });
    const second = await working.jobs.list(filter, { limit: 1, cursor: first.nextCursor });
    assert.deepEqual(
      [...first.jobs, ...second.jobs].map(({ id }) => id),
      ids,
    );
    assert.deepEqual([first.jobs[0]?.args, second.jobs[0]?.scheduledAt], [{ text: TEXT }, scheduleAt]);
    assert.equal(second.nextCursor, undefined);
    const byPriority = await working.jobs.list(
      { id: ids, args: { text: "later" } },
      { orderBy: "priority", order: "desc" },
    );
    assert.equal(byPriority.jobs.length, 1);
    assert.deepEqual(await working.jobs.countBy("queue", filter), [
      { name: queue, total: 2, todo: 1, doing: 0, succeeded: 1, failed: 0, cancelled: 0, aborted: 0 },
    ]);
    const history = await working.jobs.history(ids[0] ?? 0n);
    assert.deepEqual(
      history.map(({ type }) => type),
      ["deferred", "started", "succeeded"],
    );
    assert.ok((await working.workers.list()).every(({ id }) => typeof id === "bigint"));
    assert.ok((await working.jobs.listStalled()).every((job) => job.queue !== queue));
  },
};

const changesJobs: CaseDefinition = {
  name: "cancels, retries, changes and deletes jobs in the caller's transaction, and leaves it usable when it refuses",
  async check({ connector, app, queue }) {
    const task = defineTask({ name: "conformance.changed", queue, queueingLock: queue });
    const { defer, jobs } = app([task]);
    const cancelled = await defer(task, {}, { lock: queue });
    await jobs.cancel(cancelled);
    const waiting = await defer(task, {}, { lock: queue });
    await connector.transaction(async (tx) => {
      await assert.rejects(jobs.retry(cancelled, { tx }), AlreadyEnqueuedError);
      await assert.rejects(jobs.cancel(cancelled, { tx }), JobStatusError);
      await jobs.setPriority(waiting, 7, { tx });
      await jobs.reschedule(waiting, { scheduleIn: { hours: 1 }, tx });
      assert.equal((await jobs.get(waiting, { tx })).priority, 7);
      await jobs.delete(waiting, { tx });
      await jobs.retry(cancelled, { tx });
    });
    assert.equal((await jobs.get(cancelled)).status, "todo");
    assert.deepEqual(await jobs.cancelMany({ queue }), { cancelled: 1, deleted: 0, abortRequested: 0 });
    assert.deepEqual(await jobs.retryMany({ queue }), { retried: 1, alreadyEnqueued: 0 });
    assert.equal(await jobs.deleteMany({ queue }), 1);
  },
};

const abortsJobs: CaseDefinition = {
  name: "tells a worker at once that a running job shall stop, where it listens, and waits for its end",
  needs: "listen",
  async check({ app, queue }) {
    const task = defineTask({
      name: "conformance.aborted",
      queue,
      run: (_args, { signal, job }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
          void aborting.jobs.cancel(job.id, { abort: true });
        }),
    });
    const aborting = app([task]);
    const worker = aborting.createWorker({
      queues: [queue],
      installSignalHandlers: false,
      abortPollingInterval: { minutes: 1 },
    });
    const listening = new Promise((resolve) => worker.on("listening", resolve));
    const done = worker.run();
    await listening;
    const id = await aborting.defer(task);
    const job = await aborting.jobs.wait(id, { timeout: { seconds: 20 } });
    await worker.stop();
    await done;
    assert.deepEqual([job.status, job.abortRequested], ["aborted", true]);
  },
};

const waitsForJobs: CaseDefinition = {
  name: "waits for the end of a job, no longer than it is told, and gives its result",
  async check({ app, queue }) {
    const task = defineTask({ name: "conformance.awaited", queue, storeResult: true, run: () => ({ text: TEXT }) });
    const working = app([task]);
    const id = await working.defer(task);
    await assert.rejects(working.jobs.wait(id, { timeout: { milliseconds: 20 } }), JobWaitTimeoutError);
    const waiting = working.jobs.wait(id, { timeout: { seconds: 20 } });
    await runDueJobs(working, { queues: [queue] });
    const { status, result, finishedAt } = await waiting;
    assert.deepEqual([status, result, finishedAt instanceof Date], ["succeeded", { text: TEXT }, true]);
  },
};

export const jobCases: readonly CaseDefinition[] = [looksAtJobs, changesJobs, abortsJobs, waitsForJobs];
