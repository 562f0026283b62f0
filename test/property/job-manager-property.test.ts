import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defineTask, ProcrastinateError } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue({ max: 20 });
});
afterAll(() => queue.close());

const LOCKS = ["a", "b", "c"];
const OPERATIONS = [
  "defer",
  "cancel",
  "abort",
  "retry",
  "now",
  "later",
  "raise",
  "lower",
  "delete",
  "cancelMany",
  "retryMany",
] as const;

const operation = fc.record({
  kind: fc.constantFrom(...OPERATIONS),
  /** Which of the jobs that were deferred so far. */
  pick: fc.nat(),
  lock: fc.constantFrom(...LOCKS, null),
  keyed: fc.boolean(),
  inTransaction: fc.boolean(),
  commits: fc.boolean(),
});

test("whatever is done to jobs while they run, none gets stuck, and none runs beside another of its lock", {
  timeout: 120_000,
}, async () => {
  const property = fc.asyncProperty(fc.array(operation, { minLength: 20, maxLength: 60 }), async (operations) => {
    await queue.clear();
    await queue.pool.query("delete from procrastinate_events");
    const holders = new Map<string, bigint>();
    const clashes: string[] = [];
    const task = defineTask({
      name: "t",
      run: async (_args, { job, signal }) => {
        if (job.lock !== null && holders.has(job.lock)) clashes.push(`${job.id} beside ${holders.get(job.lock)}`);
        if (job.lock !== null) holders.set(job.lock, job.id);
        await new Promise((resolve) => setImmediate(resolve));
        if (job.lock !== null) holders.delete(job.lock);
        signal.throwIfAborted();
        if (job.id % 3n === 0n) throw new Error("on purpose");
      },
    });
    const app = queue.app([task]);
    const { jobs } = app;
    const ids: bigint[] = [];
    const options = { concurrency: 3, pollingInterval: { minutes: 1 }, abortPollingInterval: { minutes: 1 } };
    await using _first = startWorker(app, options);
    await using _second = startWorker(app, options);
    const apply = async ({ kind, pick, lock, keyed }: (typeof operations)[number], tx: { tx?: never }) => {
      const id = ids[pick % Math.max(ids.length, 1)] ?? 0n;
      switch (kind) {
        case "defer":
          return app
            .defer(task, {}, { ...tx, lock, queueingLock: keyed ? `k${lock}` : null, priority: pick % 2 })
            .then((next) => ids.push(next));
        case "cancel":
          return jobs.cancel(id, { ...tx, delete: keyed });
        case "abort":
          return jobs.cancel(id, { ...tx, abort: true });
        case "retry":
          return jobs.retry(id, { ...tx, lock });
        case "now":
          return jobs.reschedule(id, { ...tx, scheduleIn: {} });
        case "later":
          return jobs.reschedule(id, { ...tx, scheduleIn: { hours: 1 } });
        case "raise":
          return jobs.setPriority(id, 5, tx);
        case "lower":
          return jobs.setPriority(id, -5, tx);
        case "delete":
          return jobs.delete(id, tx);
        case "cancelMany":
          return jobs.cancelMany({ lock: lock ?? "a" }, { ...tx, batchSize: 3 });
        case "retryMany":
          return jobs.retryMany({ lock: lock ?? "a" }, { ...tx, batchSize: 3 });
        default:
          return kind satisfies never;
      }
    };
    /** What was refused is fine; anything else that goes wrong is not. */
    const attempt = (work: Promise<unknown>) =>
      work.catch((error: unknown) => {
        const isRefusal =
          error instanceof ProcrastinateError &&
          ["job_not_found", "job_status", "already_enqueued"].includes(error.code);
        if (!isRefusal) throw error;
      });
    for (let at = 0; at < operations.length; at += 3) {
      const together = operations.slice(at, at + 3).map(async (each) => {
        if (!each.inTransaction) return attempt(apply(each, {}));
        const over = new Error("rolled back");
        return queue
          .transaction(async (tx) => {
            await attempt(apply(each, { tx: tx as never }));
            // The transaction is usable whatever was refused.
            await tx.query("select 1");
            if (!each.commits) throw over;
          })
          .catch((error: unknown) => {
            if (error !== over) throw error;
          });
      });
      await Promise.all(together);
    }
    for (const { id } of (await jobs.list({ status: "todo" }, { limit: 1000 })).jobs) {
      await attempt(jobs.reschedule(id, { scheduleIn: {} }));
    }
    const isDone = async () => {
      const { todo, doing } = await jobs.count();
      return todo + doing === 0;
    };
    const left = () => `no job is left of ${JSON.stringify(operations)}`;
    await until(isDone, { timeoutMs: 15_000, what: left });
    expect(clashes).toEqual([]);
    expect((await queue.jobs()).filter(({ task: name }) => name === "reserved")).toEqual([]);
    const orphans =
      "select 1 from procrastinate_events e where not exists (select 1 from procrastinate_jobs j where j.id = e.job_id)";
    expect((await queue.pool.query(orphans)).rowCount).toBe(0);
  });
  await fc.assert(property, { numRuns: Number(process.env["JOB_MANAGER_RUNS"] ?? 8), endOnFailure: true });
});
