import { expect, test } from "vitest";
import type { Clock } from "../../src/clock.ts";
import type { JobStatus } from "../../src/job.ts";
import { waitForJob } from "../../src/jobs/wait-for-job.ts";

/** Waits for a job that finishes at some time, on a clock that jumps to the next timer; gives the pauses between looks. */
async function pausesOf({ endsAt, timeoutMs }: { endsAt: number; timeoutMs?: number }) {
  let now = 0;
  const pauses: number[] = [];
  const clock: Clock = {
    now: () => now,
    timer(ms, callback) {
      pauses.push(Math.round(ms));
      now += ms;
      queueMicrotask(callback);
      return () => undefined;
    },
  };
  const look = async (): Promise<JobStatus> => (now >= endsAt ? "failed" : "doing");
  const error = await waitForJob(1n, { clock, look, timeoutMs, signal: undefined }).catch((thrown: unknown) => thrown);
  return { pauses, error, now };
}

test("looks at once, and then at growing intervals from 10 to 500 ms", async () => {
  expect((await pausesOf({ endsAt: 0 })).pauses).toEqual([]);
  const { pauses } = await pausesOf({ endsAt: 5000 });
  expect(pauses.slice(0, 5)).toEqual([10, 15, 23, 34, 51]);
  expect(pauses.at(-1)).toBe(500);
});

test("ends with the timeout, not after it, and looks once more then", async () => {
  const { error, now } = await pausesOf({ endsAt: 10_000, timeoutMs: 1234 });
  expect(error).toMatchObject({ name: "JobWaitTimeoutError", timeoutMs: 1234, status: "doing" });
  expect(now).toBe(1234);
  expect((await pausesOf({ endsAt: 1234, timeoutMs: 1234 })).error).toBe(undefined);
});

test("a timeout of 0 looks once", async () => {
  expect(await pausesOf({ endsAt: 0, timeoutMs: 0 })).toMatchObject({ error: undefined, pauses: [] });
  expect(await pausesOf({ endsAt: 1, timeoutMs: 0 })).toMatchObject({
    error: { code: "job_wait_timeout" },
    pauses: [],
  });
});
