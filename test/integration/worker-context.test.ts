import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  contextKey,
  defineTask,
  type JobContext,
  LeaseLostError,
  type LogFields,
  silentLogger,
} from "../../src/index.ts";
import { runDueJobs } from "../../src/testing/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { FAST } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(async () => {
  await queue.clear();
  await queue.pool.query("delete from procrastinate_events");
});
afterAll(() => queue.close());

const child = defineTask<{ n: number }>({ name: "child", queue: "later" });

test("the context's functions can be taken out of it", async () => {
  const key = contextKey<string>("key");
  let got: unknown;
  const parent = defineTask({
    name: "parent",
    run: async (_args, context) => {
      const { defer, batchDefer, deferByName, batchDeferByName, log, progress, complete, get, worker, logger } =
        context;
      const { stop } = worker;
      got = get(key);
      logger.info({}, "taken out");
      log("info", "taken out");
      progress(7);
      await defer(child, { n: 1 });
      await batchDefer(child, [{ n: 2 }]);
      await deferByName("child", { n: 3 });
      await batchDeferByName("child", [{ n: 4 }]);
      await queue.transaction((tx) => complete(tx, "done"));
      stop();
    },
  });
  const app = queue.app([parent, child]);
  await app.defer(parent);
  await runDueJobs(app, { ...FAST, queues: ["default"], context: [key.with("value")] });
  expect(got).toBe("value");
  const [first, ...others] = await queue.jobs();
  expect(first?.status).toBe("succeeded");
  expect(others.map(({ args }) => args["n"])).toEqual([1, 2, 3, 4]);
  const { rows } = await queue.pool.query(
    "select j.progress, j.result, e.detail->>'message' as message from procrastinate_jobs j join procrastinate_events e on e.job_id = j.id",
  );
  expect(rows).toEqual([{ progress: 7, result: "done", message: "taken out" }]);
});

test("the app's own can be taken out of it, too", async () => {
  const { defer, batchDefer, configure } = queue.app([child]);
  await defer(child, { n: 1 });
  await batchDefer(child, [{ n: 2 }]);
  const bound = configure(child, { priority: 1 });
  const { defer: deferBound } = bound;
  await deferBound({ n: 3 });
  expect((await queue.jobs()).map(({ priority }) => priority)).toEqual([0, 0, 1]);
});

/** Runs a job whose handler leaves its context behind, and gives that once the job has ended. */
async function endedContext(logged: unknown[]): Promise<JobContext> {
  let kept: JobContext | undefined;
  const task = defineTask({
    name: "t",
    run: (_args, context) => {
      kept = context;
      context.progress("in time");
    },
  });
  const note = (fields: LogFields, message: string) => logged.push([fields["action"], message]);
  const app = queue.app([task], { logger: { ...silentLogger, info: note, warn: note, isLevelEnabled: () => true } });
  await app.defer(task);
  await runDueJobs(app, FAST);
  if (!kept) throw new Error("no job has run");
  return kept;
}

test("progress and log lines after the end are not written, which is told once; the lines are still logged", async () => {
  const logged: unknown[] = [];
  const context = await endedContext(logged);
  logged.length = 0;
  queue.sent.length = 0;
  context.progress("too late");
  context.progress({ at: new Date(0) } as never);
  context.log("info", "too late");
  expect(logged).toEqual([
    ["note_after_end", expect.stringMatching(/^Job t\[\d+\] called context\.progress after its run had ended: await/)],
    [undefined, "too late"],
  ]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(queue.sent).toEqual([]);
  const { rows } = await queue.pool.query("select progress from procrastinate_jobs");
  expect(rows).toEqual([{ progress: "in time" }]);
});

test("completing after the end is refused without a statement, so that its transaction rolls back", async () => {
  const context = await endedContext([]);
  queue.sent.length = 0;
  const late = queue.transaction((tx) => context.complete(tx));
  await expect(late).rejects.toThrow(LeaseLostError);
  await expect(late).rejects.toThrow("its run has ended. Await in the handler what it starts");
  expect(queue.sent).toEqual([]);
});
