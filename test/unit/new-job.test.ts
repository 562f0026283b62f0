import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { checkDeferOptions, toNewJob } from "../../src/defer/new-job.ts";
import { InvalidArgsError, InvalidOptionError } from "../../src/errors.ts";
import { newJobJson } from "../../src/sql/insert-jobs.ts";
import type { DeferOptions } from "../../src/task/deferrer.ts";
import { defineTask } from "../../src/task/define-task.ts";
import type { AnyTask } from "../../src/task/task.ts";

const plain = defineTask<{ n?: number }>({ name: "plain" });

describe("the row of a job", () => {
  test("has the defaults of a task that says nothing", async () => {
    expect(await toNewJob(plain, {}, {})).toEqual({
      queue: "default",
      task: "plain",
      priority: 0,
      lock: null,
      mutex: false,
      queueingLock: null,
      argsJson: "{}",
      atMs: null,
      inMs: null,
    });
  });

  const task = defineTask<{ user: string }>({
    name: "keyed",
    queue: "mail",
    priority: 5,
    lock: ({ user }) => `user:${user}`,
    queueingLock: "only",
  });

  test.each<[DeferOptions, object]>([
    [{}, { queue: "mail", priority: 5, lock: "user:a", queueingLock: "only" }],
    [
      { queue: "slow", priority: -1 },
      { queue: "slow", priority: -1, lock: "user:a" },
    ],
    [{ priority: 0 }, { priority: 0 }],
    [
      { lock: "mine", queueingLock: "other" },
      { lock: "mine", queueingLock: "other" },
    ],
    [
      { lock: "", queueingLock: "" },
      { lock: "", queueingLock: "" },
    ],
    [{ lock: null }, { lock: null, queueingLock: "only" }],
    [{ queueingLock: null }, { lock: "user:a", queueingLock: null }],
  ])("takes each option from the caller before the task: %j", async (options, expected) => {
    expect(await toNewJob(task, { user: "a" }, options)).toMatchObject(expected);
  });

  test("takes an undefined option for an absent one", async () => {
    const options = { queue: undefined, priority: undefined, lock: undefined, queueingLock: undefined, tx: undefined };
    const job = await toNewJob(task, { user: "a" }, options as unknown as DeferOptions);
    expect(job).toMatchObject({ queue: "mail", priority: 5, lock: "user:a", queueingLock: "only" });
  });

  test("does not ask the task for a key that the caller gives", async () => {
    const asking = defineTask({
      name: "asking",
      lock: () => {
        throw new Error("asked");
      },
    });
    expect(await toNewJob(asking, {}, { lock: null })).toMatchObject({ lock: null });
    await expect(toNewJob(asking, {}, {})).rejects.toThrow("asked");
  });

  test("has no key where the function of the task makes none", async () => {
    for (const none of [undefined, null]) {
      const without = defineTask({
        name: "without",
        lock: () => none as undefined,
        queueingLock: () => none as undefined,
      });
      expect(await toNewJob(without, {}, {})).toMatchObject({ lock: null, queueingLock: null });
    }
  });

  test.each([5, {}, Promise.resolve("late"), "x".repeat(2001), "a\u0000", "\ud800"])(
    "is refused where the function of the task makes what is no key: %s",
    async (key) => {
      const wrong = defineTask({ name: "wrong", queueingLock: () => key as string });
      await expect(toNewJob(wrong, {}, {})).rejects.toMatchObject({ code: "invalid_option", option: "queueingLock" });
    },
  );

  test("holds the arguments as they were at the call, whatever the caller does to them later", async () => {
    const async = defineTask({
      name: "async",
      schema: z.object({ user: z.string() }).refine(async () => true),
      lock: ({ user }) => user,
    });
    for (const [given, expected] of [
      [async, "a"],
      [task, "user:a"],
    ] as const) {
      const args = { user: "a" };
      const job = toNewJob(given, args, {});
      args.user = "b";
      expect(await job).toMatchObject({ argsJson: '{"user":"a"}', lock: expected });
    }
  });

  test("puts the arguments into its JSON untouched, and leaves out what is null or 0", async () => {
    const job = await toNewJob(plain, { n: 1 }, { lock: 'a"\\' });
    expect(JSON.parse(newJobJson({ ...job, argsJson: '{"args":{"queue":"no"}}' }))).toEqual({
      queue: "default",
      task: "plain",
      lock: 'a"\\',
      args: { args: { queue: "no" } },
    });
  });
});

describe("arguments", () => {
  test.each([
    [undefined, "is undefined, not an object"],
    [null, "is null, not an object"],
    [[1], "is an array, not an object"],
    ["text", "is string, not an object"],
    [5, "is number, not an object"],
    [() => ({}), "is function, not an object"],
    [new Map(), "is a Map object: turn it into plain JSON, a Date with toISOString()"],
  ])("are an object: not %s", async (args, problem) => {
    const failure = toNewJob(plain, args, {});
    await expect(failure).rejects.toThrow(InvalidArgsError);
    await expect(failure).rejects.toMatchObject({
      message: `Task "plain": args ${problem}`,
      taskName: "plain",
      path: "args",
    });
  });

  const strict = defineTask({
    name: "strict",
    schema: z.object({ items: z.array(z.object({ price: z.number() })) }),
    lock: ({ items }) => String(items.length),
  });

  test("are checked by the schema before a key is made of them", async () => {
    await expect(toNewJob(strict, {}, {})).rejects.toMatchObject({ code: "invalid_args", path: "args.items" });
  });

  test("are refused at the place that the schema names, written like any other", async () => {
    const args = { items: [{ price: 1 }, { price: "2" }] };
    const failure = toNewJob(strict, args, {});
    const cause = [{ path: "args.items[1].price", message: expect.stringContaining("expected number") }];
    await expect(failure).rejects.toMatchObject({ path: "args.items[1].price", cause });
    await expect(failure).rejects.toThrow(/^Task "strict": args\.items\[1\]\.price is refused by the task's schema: /);
    await expect(toNewJob(strict, { items: [{ price: Number.NaN }] }, {})).rejects.toThrow(
      'Task "strict": args.items[0].price is NaN, which JSON has no word for',
    );
  });

  test("are refused by whatever form of answer a schema gives", async () => {
    const issues = [{ message: "no", path: ["a", { key: Symbol("s") }, { key: 0 }] }];
    const answers = [
      { issues },
      Promise.resolve({ issues }),
      runInNewContext("(value) => Promise.resolve(value)")({ issues }),
    ];
    for (const answer of answers) {
      const schema = { "~standard": { version: 1, vendor: "test", validate: () => answer } } as never;
      const failure = toNewJob(defineTask({ name: "own", schema }), {}, {});
      await expect(failure).rejects.toMatchObject({
        path: "args.a.Symbol(s)[0]",
        cause: [{ path: "args.a.Symbol(s)[0]", message: "no" }],
      });
    }
  });

  test("are refused where the schema gives issues without a word", async () => {
    const schema = { "~standard": { version: 1, vendor: "test", validate: () => ({ issues: [] }) } } as never;
    await expect(toNewJob(defineTask({ name: "own", schema }), {}, {})).rejects.toThrow(
      'Task "own": args is refused by the task\'s schema: no reason given',
    );
  });

  test("are not accepted where the schema itself fails", async () => {
    const bug = new RangeError("bug");
    const failing = z.object({}).refine(() => {
      throw bug;
    });
    const failingLater = { "~standard": { version: 1, vendor: "test", validate: () => Promise.reject(bug) } } as never;
    for (const schema of [failing, failingLater]) {
      await expect(toNewJob(defineTask({ name: "own", schema }), {}, {})).rejects.toBe(bug);
    }
  });
});

describe("options", () => {
  test.each<[string, unknown]>([
    ["defer.quue", { quue: "x" }],
    ["defer.args", { args: {} }],
    ["defer", null],
    ["defer", 5],
    ["onConflict", { onConflict: "skip" }],
    ["onConflict", { onConflict: null }],
    ["tx", { tx: null }],
    ["tx", { tx: "begin" }],
  ])("that do not exist or mean nothing are refused: %s in %j", (option, options) => {
    const check = () => checkDeferOptions(options as DeferOptions);
    expect(check).toThrow(InvalidOptionError);
    expect(check).toThrow(expect.objectContaining({ option }));
  });

  test.each<[string, DeferOptions]>([
    ["queue", { queue: "" }],
    ["queue", { queue: "x".repeat(129) }],
    ["priority", { priority: 0.5 }],
    ["priority", { priority: 2 ** 31 }],
    ["lock", { lock: "x".repeat(2001) }],
    ["queueingLock", { queueingLock: "\u0000" }],
  ])("out of their bounds are refused: %s in %j", async (option, options) => {
    const refusal = expect.objectContaining({ code: "invalid_option", option });
    expect(() => checkDeferOptions(options)).toThrow(refusal);
  });

  test.each([undefined, null, "plain", {}, { name: "plain" }, () => 1])("need a task: not %s", async (task) => {
    await expect(toNewJob(task as AnyTask, {}, {})).rejects.toThrow(
      "is not a task. Make it with defineTask({ name, run }).",
    );
  });
});
