import { expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { WorkerEvents } from "../../src/events.ts";
import type { Job } from "../../src/job.ts";
import { silentLogger } from "../../src/logger.ts";
import { queueSql, tableNames } from "../../src/sql/statement.ts";
import { DatabaseHealth } from "../../src/worker/database-health.ts";
import { JobCompleter } from "../../src/worker/job-completer.ts";
import type { WorkerRuntime } from "../../src/worker/worker-runtime.ts";

const job = (id: number, lock: string | null = null): Job => ({
  ...{ id: BigInt(id), queue: "q", taskName: "t", priority: 0, lock, queueingLock: null, args: {} },
  ...{ attempts: 0, lease: 1, rescues: 0, scheduledAt: null, deferredAt: new Date(0) },
});

/** A completer, and the names of the statements that it has sent. */
function open(fail: (values: readonly unknown[]) => void = () => undefined) {
  const sent: string[] = [];
  const query = async (statement: { name: string }, values: readonly unknown[]): Promise<never[]> => {
    fail(values);
    sent.push(statement.name);
    return [{ count: 0, ids: "[]", aborted: null, promoted: 0, held: null } as never];
  };
  const events = new WorkerEvents(silentLogger);
  const runtime = {
    ...{ events, clock: systemClock, logger: silentLogger, identity: { id: 1n } },
    sql: queueSql({ query }, tableNames()),
    health: new DatabaseHealth(systemClock, () => 0, events),
    options: { deleteJobs: "never" },
  } as unknown as WorkerRuntime;
  const nothing = (): void => undefined;
  const callbacks = { onPromoted: nothing, onRetried: nothing, onLost: nothing, onWritten: nothing };
  return { sent, completer: new JobCompleter(runtime, callbacks) };
}

test.each([0, 3, 1995, 1999, 2000])(
  "with %i outcomes before it, a job that runs again is written before those behind it are given back",
  async (before) => {
    const { sent, completer } = open();
    for (let id = 1; id <= before; id++) completer.add(job(id), { kind: "succeeded" }, true);
    const head = job(3000, "l");
    const retry = { delayMs: 0, atMs: undefined, priority: undefined, queue: undefined, lock: undefined };
    completer.add(head, { kind: "retry", error: new Error("as told"), retry }, true, [job(3001, "l"), job(3002, "l")]);
    await completer.drain();
    expect(sent.indexOf("retry_jobs")).toBeGreaterThan(sent.lastIndexOf("finish_jobs"));
    expect(sent.indexOf("release_jobs")).toBeGreaterThan(sent.lastIndexOf("retry_jobs"));
  },
);

test("jobs that end one after the other in one turn of the event loop are written together", async () => {
  const { sent, completer } = open();
  for (let id = 1; id <= 1999; id++) {
    completer.add(job(id), { kind: "succeeded" }, true);
    await Promise.resolve();
  }
  await completer.drain();
  expect(sent).toEqual(["finish_jobs"]);
});

test("outcomes that make a string too long for Node are written in parts", async () => {
  const { sent, completer } = open((values) => {
    if (JSON.stringify(values).length > 60) throw new RangeError("Invalid string length");
  });
  for (let id = 1; id <= 20; id++) completer.add(job(id), { kind: "succeeded" }, true);
  await completer.drain();
  expect(sent.length).toBeGreaterThan(1);
  expect(new Set(sent)).toEqual(new Set(["finish_jobs"]));
  expect(completer.unwritten).toEqual([]);
  expect(completer.hasGivenUp).toBe(false);
});
