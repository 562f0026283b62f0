import { afterAll, beforeAll, expect, test } from "vitest";
import { defineTask } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
afterAll(() => queue.close());

const succeeded = async (): Promise<number> =>
  (await queue.jobs()).filter(({ status }) => status === "succeeded").length;

// A migrator changes the version and the jobs table in one transaction, in whichever order it likes. Were the version
// on a table that deferring reads, every sixteenth migration ended as the victim of a deadlock with a busy queue.
test("a migration that holds the version of the tables stops neither deferring nor working", async () => {
  let failures = 0;
  const task = defineTask({
    name: "t",
    retry: 1,
    run: ({ n }: { n: number }) => {
      if (n === 1 && failures++ === 0) throw new Error("the first time");
    },
  });
  const app = queue.app([task]);
  await using started = startWorker(app);
  await new Promise<void>((resolve) => started.worker.on("idle", () => resolve()));
  const deferring: Promise<unknown>[] = [];
  await queue.transaction(async (migration) => {
    await migration.query("alter table procrastinate_periodic_defers alter schema_version set default 1002");
    for (let n = 0; n < 4; n++) {
      await app.defer(task, { n }, n % 2 === 0 ? {} : { lock: "l", queueingLock: `${n}` });
      await queue.transaction((tx) => app.defer(task, { n }, { tx, scheduleIn: { milliseconds: 50 } }));
    }
    await app.batchDefer(task, [{ n: 4 }, { n: 5 }]);
    await until(async () => (await succeeded()) === 10);
    deferring.push(...[6, 7, 8].map((n) => queue.transaction((tx) => app.defer(task, { n }, { tx }))));
    await migration.query("alter table procrastinate_jobs add column note text");
  });
  await Promise.all(deferring);
  await until(async () => (await succeeded()) === 13);
  expect(failures).toBeGreaterThan(1);
});
