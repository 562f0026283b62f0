import { beforeEach, describe, expect, test } from "vitest";
import type { SqlValue } from "../../src/connector.ts";
import { tableNames } from "../../src/sql/statement.ts";
import { JobWaker } from "../../src/worker/job-waker.ts";
import type { QueueList } from "../../src/worker/queue-list.ts";
import type { WorkerRuntime } from "../../src/worker/worker-runtime.ts";
import { ManualClock } from "../support/manual-clock.ts";

/** From when on each look saw, by the clock of the database; null is for ever. */
const looks: (SqlValue | undefined)[] = [];
let clock: ManualClock;
/** What the clock of the database is ahead. */
const AHEAD_MS = 1_000_000;
let calls: number;
/** What each look finds, and how long it takes in Postgres. */
let answer: () => { woken: number; tookMs: number };
beforeEach(() => {
  looks.length = 0;
  clock = new ManualClock();
  calls = 0;
});

function open(): JobWaker {
  const sql: WorkerRuntime["sql"] = {
    tables: tableNames(),
    query: async <Row extends object>(_statement: unknown, values: readonly SqlValue[]) => {
      looks.push(values[1]);
      const seenMs = AHEAD_MS + clock.now();
      const { woken, tookMs } = answer();
      clock.pass(tookMs);
      return [{ jobs: null, woken, queues: null, seenMs, nextWakeMs: null, tookMs }] as unknown as readonly Row[];
    },
  };
  const parts = { identity: { id: 1n }, events: { has: () => false } };
  const runtime = { clock, sql, options: { wait: true }, ...parts } as unknown as WorkerRuntime;
  return new JobWaker(runtime, { add: () => undefined } as unknown as QueueList, () => void calls++);
}

describe("waking scheduled jobs", () => {
  test("goes on where it ended while it finds as many as it can wake, however slow that is, then looks at all", async () => {
    answer = () => ({ woken: looks.length < 10 ? 1000 : 999, tookMs: 200 });
    const waker = open();
    for (let n = 0; n < 10; n++) {
      expect(waker.isDue).toBe(n > 0);
      await waker.wakeJobs();
    }
    const ends = Array.from({ length: 9 }, (_, n) => AHEAD_MS + 200 * n - 2_000);
    expect(looks).toEqual([null, ...ends]);
    clock.pass(0);
    expect(waker.isDue).toBe(true);
    await waker.wakeJobs();
    expect(looks.at(-1)).toBe(null);
    clock.pass(10_000);
    expect(waker.isDue).toBe(false);
  });

  test("rests from looks at what is gone; those between begin before the last one, and the next is not forgotten", async () => {
    // A look at all takes 100 ms more than it should.
    answer = () => ({ woken: 1, tookMs: looks.at(-1) === null ? 102.05 : 1 });
    const waker = open();
    await waker.wakeJobs();
    await waker.wakeJobs();
    expect(looks).toEqual([null, null]);
    const restsUntil = clock.now() + 1_900;
    clock.pass(500);
    await waker.wakeJobs();
    expect(looks.at(-1)).toBeCloseTo(AHEAD_MS + 102.05 - 2_000);
    const seen = clock.now() - 1;
    clock.pass(300);
    await waker.wakeJobs();
    expect(looks.at(-1)).toBeCloseTo(AHEAD_MS + seen - 2_000);
    expect(waker.isDue).toBe(false);
    clock.pass(restsUntil - clock.now());
    expect([waker.isDue, calls]).toEqual([true, 1]);
    await waker.wakeJobs();
    expect(looks.at(-1)).toBe(null);
  });

  test("looks again in a moment for what is locked, and no sooner than a look may see it", async () => {
    answer = () => ({ woken: 0, tookMs: 1 });
    const waker = open();
    await waker.wakeJobs();
    waker.fetched(0);
    clock.pass(99);
    expect(waker.isDue).toBe(false);
    clock.pass(1);
    expect(waker.isDue).toBe(true);
  });

  test("tries again after a failure what was due", async () => {
    answer = () => {
      throw new Error("away");
    };
    const waker = open();
    waker.dueIn(0);
    await expect(waker.wakeJobs()).rejects.toThrow("away");
    expect(waker.isDue).toBe(false);
    clock.pass(1_000);
    expect(waker.isDue).toBe(true);
  });
});
