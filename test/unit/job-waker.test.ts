import { beforeEach, describe, expect, test } from "vitest";
import type { SqlValue } from "../../src/connector.ts";
import { tableNames } from "../../src/sql/statement.ts";
import { JobWaker } from "../../src/worker/job-waker.ts";
import type { QueueList } from "../../src/worker/queue-list.ts";
import type { WorkerRuntime } from "../../src/worker/worker-runtime.ts";
import { ManualClock } from "../support/manual-clock.ts";

/** Milliseconds that each look went back; null is all the way. */
const looks: (SqlValue | undefined)[] = [];
let clock: ManualClock;
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
      const { woken, tookMs } = answer();
      clock.pass(tookMs);
      return [{ woken, queues: null, nextWakeMs: null, tookMs }] as unknown as readonly Row[];
    },
  };
  const runtime = { clock, sql, options: { wait: true } } as unknown as WorkerRuntime;
  return new JobWaker(runtime, { add: () => undefined } as unknown as QueueList, () => void calls++);
}

describe("waking scheduled jobs", () => {
  test("goes on from the front while it finds as many as it can wake, however slow that is", async () => {
    answer = () => ({ woken: 1000, tookMs: 200 });
    const waker = open();
    for (let n = 0; n < 10; n++) {
      expect(waker.isDue).toBe(n > 0);
      await waker.wakeJobs();
    }
    expect(looks).toEqual(Array(10).fill(null));
  });

  test("rests from looks at what is gone; those between begin before the last one, and the next is not forgotten", async () => {
    answer = () => ({ woken: 1, tookMs: looks.at(-1) === null ? 102.05 : 1 });
    const waker = open();
    await waker.wakeJobs();
    await waker.wakeJobs();
    expect(looks).toEqual([null, null]);
    clock.pass(500);
    await waker.wakeJobs();
    // The looks before it began 102 ms earlier than they ended.
    expect(looks.at(-1)).toBeCloseTo(500 + 102.05 + 2_000);
    clock.pass(300);
    await waker.wakeJobs();
    expect(looks.at(-1)).toBeCloseTo(300 + 1 + 2_000);
    expect(waker.isDue).toBe(false);
    // Nineteen times what was too much, of which all but this has passed.
    clock.pass(1_900 - 500 - 1 - 300 - 1);
    expect([waker.isDue, calls]).toEqual([true, 1]);
    await waker.wakeJobs();
    expect(looks.at(-1)).toBe(null);
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
