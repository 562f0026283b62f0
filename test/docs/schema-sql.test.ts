import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defineTask } from "../../src/index.ts";
import { runDueJobs } from "../../src/testing/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { FAST } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
afterAll(() => queue.close());

const section = /\n## By SQL\n(.*?)(?=\n## |$)/s.exec(readFileSync("docs/schema.md", "utf8"))?.[1] ?? "";
const [change = "", defer = ""] = [...section.matchAll(/```sql\n(.*?)```/gs)].map(([, sql]) => sql);

test("what the page on tables does by SQL works: a job changes its queue and lock, and one is deferred once", async () => {
  const ran: unknown[] = [];
  const task = defineTask({
    ...{ name: "emails.sendWelcome", queue: "emails", lock: "l" },
    run: ({ userId }: { userId: string }, { job }) => ran.push([job.queue, userId]),
  });
  const app = queue.app([task]);
  await queue.pool.query("alter sequence procrastinate_jobs_id_seq restart with 41");
  await app.batchDefer(task, [{ userId: "0" }, { userId: "2" }]);
  expect((await queue.jobs())[1]).toMatchObject({ id: 42n, lock: "l" });
  expect((await queue.pool.query(change)).rowCount).toBe(1);
  await runDueJobs(app, { ...FAST, queues: ["night"] });
  expect(ran).toEqual([["night", "2"]]);
  await runDueJobs(app, FAST);
  for (const written of [1, 0]) expect((await queue.pool.query(defer)).rowCount).toBe(written);
  await runDueJobs(app, FAST);
  expect(ran).toEqual([
    ["night", "2"],
    ["emails", "0"],
    ["emails", "1"],
  ]);
});
