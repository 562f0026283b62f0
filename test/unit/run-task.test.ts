import { describe, expect, test } from "vitest";
import { defineTask, InvalidArgsError, type JobContext, TaskNotRunnableError } from "../../src/index.ts";
import { runTask } from "../../src/testing/index.ts";

const task = defineTask({ name: "t", run: ({ n }: { n: number }) => n });

describe("runTask", () => {
  const signUp = defineTask({
    name: "signUp",
    async run({ name }: { name: string }, { attempt, job, defer, batchDefer, signal, complete }) {
      signal.throwIfAborted();
      const id = await defer(task, { n: attempt }, { queue: "q" });
      await batchDefer(task, [{ n: 10 }, { n: 11 }]);
      await complete({ tx: true }, { name });
      return `${name} ${attempt} ${job.id} ${job.queue} ${id}`;
    },
  });

  test("runs a handler once with a context that records, without a database", async () => {
    const run = await runTask(signUp, { name: "Ada" }, { attempt: 3, job: { id: 7n } });
    expect(run.result).toBe("Ada 3 7 default 1");
    expect(run.deferred).toEqual([
      { task, args: { n: 3 }, options: { queue: "q" } },
      { task, args: { n: 10 }, options: {} },
      { task, args: { n: 11 }, options: {} },
    ]);
    expect(run.completed).toEqual({ tx: { tx: true }, result: { name: "Ada" } });
  });

  test("gives the handler what the test puts into its context, and rejects with what it throws", async () => {
    const signal = AbortSignal.abort(new Error("stop"));
    await expect(runTask(signUp, { name: "Ada" }, { signal })).rejects.toThrow("stop");
  });

  test("checks the arguments as a worker does, and refuses a contract", async () => {
    const schema = {
      "~standard": { version: 1, vendor: "test", validate: () => ({ issues: [{ message: "no" }] }) },
    } as const;
    await expect(runTask(defineTask({ name: "s", schema, run: () => 1 }), {} as never)).rejects.toThrow(
      InvalidArgsError,
    );
    await expect(runTask(defineTask({ name: "contract" }), {})).rejects.toThrow(TaskNotRunnableError);
  });

  test.each<[string, unknown]>([
    ["args.n", { n: Number.NaN }],
    ["args.n", { n: new Date(0) }],
    ["args.n", { n: undefined }],
    ["args", undefined],
  ])("refuses arguments that no job could have: %s of %j", async (path, args) => {
    await expect(runTask(task, args as never)).rejects.toMatchObject({ code: "invalid_args", path });
  });

  const locked = defineTask<{ n: number }>({ name: "locked", lock: ({ n }) => "x".repeat(n) });

  test.each<[string, (context: JobContext) => Promise<unknown>, object]>([
    ["arguments", (c) => c.defer(task, { n: Number.NaN }), { path: "args.n" }],
    ["an option", (c) => c.defer(task, { n: 1 }, { prioritiy: 1 } as never), { option: "defer.prioritiy" }],
    ["a queue", (c) => c.defer(task, { n: 1 }, { queue: "" }), { option: "queue" }],
    ["a lock of the task's", (c) => c.defer(locked, { n: 2001 }), { option: "lock" }],
    ["arguments by name", (c) => c.deferByName("t", { n: 1n } as never), { path: "args.n" }],
    ["an element", (c) => c.batchDefer(task, [{ n: 1 }, { n: Number.NaN }]), { path: "args.n" }],
    ["no list", (c) => c.batchDefer(task, { n: 1 } as never), { option: "argsList" }],
    [
      "onConflict of a batch",
      (c) => c.batchDefer(task, [], { onConflict: "ignore" } as never),
      { option: "onConflict" },
    ],
  ])("refuses what a handler could not defer: %s", async (_what, defers, refusal) => {
    const caught: unknown[] = [];
    const deferring = defineTask({
      name: "deferring",
      run: (_args, context) => defers(context).catch((error: unknown) => caught.push(error)),
    });
    expect((await runTask(deferring, {})).deferred).toEqual([]);
    expect(caught).toMatchObject([refusal]);
  });

  test("records what is deferred by name, whether an app has the task or not", async () => {
    const byName = defineTask({
      name: "byName",
      async run(_args, { deferByName, batchDeferByName }) {
        await deferByName("any", { n: 1 }, { allowUnknown: true, priority: 2 });
        await batchDeferByName("any", [{}], { allowUnknown: true });
      },
    });
    const { deferred } = await runTask(byName, {});
    expect(deferred.map(({ task: { name }, args, options }) => [name, args, options])).toEqual([
      ["any", { n: 1 }, { priority: 2 }],
      ["any", {}, {}],
    ]);
  });
});
