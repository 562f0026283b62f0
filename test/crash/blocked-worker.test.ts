import { afterAll, beforeAll, expect, test } from "vitest";
import { defineTask } from "../../src/index.ts";
import { spawnChild } from "../support/child.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
afterAll(() => queue.close());

test.each([
  ["fetched ahead", null],
  ["of a lane", "l"],
])(
  "a worker whose loop was blocked until it was taken for dead does not start the jobs %s that it had",
  async (_what, lock) => {
    await queue.clear();
    const contract = defineTask<{ n: number }>({ name: "t" });
    const jobs = Array.from({ length: 400 }, (_, n) => ({ n }));
    await queue.app([contract]).batchDefer(contract, jobs, { lock });
    const child = spawnChild(new URL("./blocking-worker.ts", import.meta.url), { env: { DATABASE_URL: queue.url } });
    await child.waitForLine("blocked");
    expect((await queue.jobs()).filter(({ status }) => status === "doing").length).toBeGreaterThan(10);
    const ran: number[] = [];
    const other = defineTask({
      name: "t",
      run: ({ n }: { n: number }) => ran.push(n),
    });
    await using _other = startWorker(queue.app([other]), { stalledAfter: { milliseconds: 600 } });
    await until(() => ran.includes(110));
    expect(child.lines).not.toContain("back");
    await child.waitForLine("back");
    await until(async () => (await queue.jobs()).every(({ status }) => status === "succeeded"));
    expect([await child.kill("SIGTERM"), child.errors]).toEqual([{ code: 0, signal: null }, []]);
    // What it ran before, and could not record, runs again; what it had not started is no longer its own.
    const twice = ran.filter((n) => n > 100 && child.lines.includes(`ran ${n}`));
    expect(twice).toEqual([]);
  },
);
