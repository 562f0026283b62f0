import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { AlreadyEnqueuedError } from "../../src/errors.ts";
import type { BatchDeferOptions } from "../../src/task/deferrer.ts";
import { defineTask } from "../../src/task/define-task.ts";
import { openTestQueue, type StoredJob, type TestQueue } from "../support/test-queue.ts";

let queue: TestQueue;

beforeAll(async () => {
  queue = await openTestQueue();
});
afterAll(() => queue.close());
beforeEach(() => queue.clear());

const task = defineTask<{ n: number; key?: string; text?: string }>({ name: "sample", queueingLock: ({ key }) => key });
const positive = defineTask({ name: "positive", schema: z.object({ n: z.number().positive() }) });

const list = (length: number): { n: number }[] => Array.from({ length }, (_none, n) => ({ n }));

describe("a batch", () => {
  test("gives the ids in the order of its arguments, written in one statement", async () => {
    const ids = await queue.app([task]).batchDefer(task, [{ n: 3 }, { n: 1 }, { n: 2 }, { n: 1 }]);
    const args = new Map((await queue.jobs()).map((job) => [job.id, job.args["n"]]));
    expect(ids.map((id) => args.get(id))).toEqual([3, 1, 2, 1]);
    expect(ids).toEqual([...ids].sort((a, b) => (a < b ? -1 : 1)));
    expect(queue.sent).toEqual(["insert_uniform_jobs"]);
  });

  test("of 5,000 is written in one statement too", async () => {
    const ids = await queue.app([task]).batchDefer(task, list(5000));
    const jobs = await queue.jobs();
    expect(jobs.map((job) => job.id)).toEqual(ids);
    expect(jobs.every((job, n) => job.args["n"] === n)).toBe(true);
    expect(new Set(ids).size).toBe(5000);
    expect(queue.sent).toEqual(["insert_uniform_jobs"]);
  });

  test("gives the ids of its own jobs where others took some in between", async () => {
    await queue.pool.query("alter table procrastinate_jobs alter id set increment by 3");
    try {
      const ids = await queue.app([task]).batchDefer(task, list(500));
      const jobs = await queue.jobs();
      expect(jobs.map((job) => job.id)).toEqual(ids);
      expect(jobs.map((job) => job.args["n"])).toEqual(list(500).map(({ n }) => n));
      expect(ids.at(-1)).toBe((ids[0] ?? 0n) + 1497n);
    } finally {
      await queue.pool.query("alter table procrastinate_jobs alter id set increment by 1");
    }
  });

  test.each(["n = 0", "n = 2", "true"])(
    "of which a trigger of the app's leaves rows out is taken back as a whole: %s",
    async (which) => {
      await queue.pool.query(`create function leave_out() returns trigger language plpgsql as
      $$ declare n int := (new.args->>'n')::int; begin if ${which} then return null; end if; return new; end $$`);
      await queue.pool.query(
        "create trigger leave_out before insert on procrastinate_jobs for each row execute function leave_out()",
      );
      try {
        await expect(queue.app([task]).batchDefer(task, list(3))).rejects.toMatchObject({ code: "already_enqueued" });
        expect(await queue.jobs()).toEqual([]);
      } finally {
        await queue.pool.query("drop function leave_out() cascade");
      }
    },
  );

  test("keeps line breaks in arguments", async () => {
    const texts = ["one\ntwo", "\r\n", "\u2028", "\\n", ""];
    await queue.app([task]).batchDefer(
      task,
      texts.map((text, n) => ({ n, text })),
    );
    expect((await queue.jobs()).map((job) => job.args["text"])).toEqual(texts);
  });

  test("of none writes nothing and asks nobody", async () => {
    expect(await queue.app([task]).batchDefer(task, [])).toEqual([]);
    expect(queue.sent).toEqual([]);
  });

  test("gives all jobs the options of the call and each the keys of its arguments", async () => {
    const at = new Date("2124-01-01T00:00:00Z");
    const args = [{ n: 1, key: "a" }, { n: 2 }, { n: 3, key: "b" }];
    await queue.app([task]).batchDefer(task, args, { queue: "bulk", priority: -1, lock: "one", scheduleAt: at });
    const common = { queue: "bulk", priority: -1, lock: "one", scheduledAt: at, wakeAt: at, ready: false };
    expect(await queue.jobs()).toMatchObject(
      ["a", null, "b"].map((key, index) => ({ ...common, args: args[index], queueingLock: key, queueingKey: key })),
    );
  });

  test("can be of thousands with queueing locks, and its ids are in order", async () => {
    const keys = list(3000).map(({ n }) => ({ n, key: `key ${(n * 7919) % 3000}` }));
    const ids = await queue.app([task]).batchDefer(task, keys);
    const jobs = new Map((await queue.jobs()).map((job) => [job.id, job]));
    expect(ids.map((id) => jobs.get(id)?.queueingKey)).toEqual(keys.map(({ key }) => key));
  });
});

describe("a batch of more bytes than one statement should have", () => {
  const text = "é".repeat(1024 * 1024);
  const large = (length: number): { n: number; key?: string; text: string }[] =>
    list(length).map(({ n }) => ({ n, text }));

  const locked = defineTask<{ n: number; key?: string; text?: string }>({ name: "locked", lock: ({ n }) => `${n}` });

  test.each([task, locked])("is written in several, and its ids are in order", async (used) => {
    const ids = await queue.app([task, locked]).batchDefer(used, large(40));
    const jobs = await queue.jobs();
    expect(jobs.map((job) => job.id)).toEqual(ids);
    expect(jobs.map((job) => job.args["n"])).toEqual(list(40).map(({ n }) => n));
    expect(queue.sent).toEqual(Array(3).fill(used === locked ? "insert_jobs" : "insert_uniform_jobs"));
  });

  test("is taken back as a whole where the last job of it is refused", async () => {
    const app = queue.app([task]);
    await app.defer(task, { n: 9, key: "taken" });
    const args = [{ n: 0, key: "free" }, ...large(20), { n: 99, key: "taken" }];
    const refused = { code: "already_enqueued", queueingLock: "taken" };
    await expect(app.batchDefer(task, args)).rejects.toMatchObject(refused);
    const after = await queue.transaction(async (tx) => {
      await expect(app.batchDefer(task, args, { tx })).rejects.toMatchObject(refused);
      return app.defer(task, { n: 1 }, { tx });
    });
    expect((await queue.jobs()).map(({ id, args: { n } }) => [id, n]).slice(1)).toEqual([[after, 1]]);
    await queue.pool.query("alter table procrastinate_jobs add constraint no_seven check (not args @> '{\"n\": 7}')");
    try {
      await queue.clear();
      const last = app.batchDefer(task, [...large(20).filter(({ n }) => n !== 7), { n: 7 }]);
      await expect(last).rejects.toMatchObject({ constraint: "no_seven" });
      expect(await queue.jobs()).toEqual([]);
    } finally {
      await queue.pool.query("alter table procrastinate_jobs drop constraint no_seven");
    }
  });
});

describe("jobs of a batch", () => {
  test.each<[string, BatchDeferOptions<never>]>([
    ["nothing", {}],
    ["a queue, a priority and a lock", { queue: "bulk", priority: -3, lock: "one" }],
    ["a delay", { scheduleIn: { hours: 1 } }],
    ["a time that is past", { scheduleAt: "2020-01-01T00:00:00Z" }],
    ["a time to come", { scheduleAt: "2124-01-01T00:00:00Z", lock: "" }],
  ])("are written as single ones are, with options that say %s", async (_what, options) => {
    const app = queue.app([task]);
    const args = [{ n: 1 }, { n: 1 }];
    await app.batchDefer(task, args, options);
    expect(queue.sent).toEqual(["insert_uniform_jobs"]);
    await app.batchDefer(task, [...args, { n: 1, key: "differs" }], options);
    await app.defer(task, { n: 1 }, options);
    const isImmediate = !("scheduleIn" in options || "scheduleAt" in options);
    expect(queue.sent.slice(1)).toEqual(["insert_jobs", isImmediate ? "insert_job" : "insert_jobs"]);
    const shape = ({
      id: _id,
      scheduledAt,
      wakeAt,
      queueingLock: _lock,
      queueingKey: _key,
      args,
      ...rest
    }: StoredJob) => ({
      ...rest,
      n: args["n"],
      isScheduled: scheduledAt !== null,
      isWoken: wakeAt !== null && wakeAt.getTime() === scheduledAt?.getTime(),
    });
    const shapes = (await queue.jobs()).map(shape);
    expect(shapes).toHaveLength(6);
    for (const each of shapes) expect(each).toEqual(shapes[0]);
  });
});

describe("a batch is written whole or not at all", () => {
  test("where arguments are refused", async () => {
    const app = queue.app([task, positive]);
    await expect(app.batchDefer(positive, [{ n: 1 }, { n: -1 }, { n: 2 }])).rejects.toMatchObject({ path: "args.n" });
    await expect(app.batchDefer(task, [{ n: 1 }, { n: Number.NaN }])).rejects.toMatchObject({ code: "invalid_args" });
    await expect(app.batchDefer(task, [{ n: 1 }, undefined as never])).rejects.toMatchObject({ path: "args" });
    await expect(app.batchDefer(task, new Array(2))).rejects.toMatchObject({ code: "invalid_args", path: "args" });
    expect(queue.sent).toEqual([]);
    expect(await queue.jobs()).toEqual([]);
  });

  test("where the database refuses one row", async () => {
    await queue.pool.query("alter table procrastinate_jobs add constraint no_seven check (not args @> '{\"n\": 7}')");
    try {
      const failure = queue.app([task]).batchDefer(task, list(20));
      await expect(failure).rejects.toMatchObject({ code: "database", sqlState: "23514", constraint: "no_seven" });
      const keyed = queue.app([task]).batchDefer(
        task,
        list(20).map(({ n }) => ({ n, key: `${n}` })),
      );
      await expect(keyed).rejects.toMatchObject({ code: "database", sqlState: "23514" });
      expect(await queue.jobs()).toEqual([]);
    } finally {
      await queue.pool.query("alter table procrastinate_jobs drop constraint no_seven");
    }
  });

  test("where a queueing lock stands in it twice", async () => {
    const app = queue.app([task]);
    const twice = [
      { n: 1, key: "a" },
      { n: 2, key: "b" },
      { n: 3, key: "a" },
    ];
    await expect(app.batchDefer(task, twice)).rejects.toMatchObject({ code: "already_enqueued", queueingLock: "a" });
    const same = app.batchDefer(task, list(2), { queueingLock: "only" });
    await expect(same).rejects.toMatchObject({ queueingLock: "only" });
    expect(queue.sent).toEqual([]);
    expect(await app.batchDefer(task, list(1), { queueingLock: "only" })).toHaveLength(1);
  });

  test.each([0, 1, 2])("where the queueing lock of one is taken: that at %d", async (taken) => {
    const app = queue.app([task]);
    const waiting = await app.defer(task, { n: 9, key: `key ${taken}` });
    const args = list(3).map(({ n }) => ({ n, key: `key ${n}` }));
    const failure = app.batchDefer(task, args);
    await expect(failure).rejects.toThrow(AlreadyEnqueuedError);
    await expect(failure).rejects.toMatchObject({ queueingLock: `key ${taken}` });
    expect((await queue.jobs()).map((job) => job.id)).toEqual([waiting]);
  });

  test("in the caller's transaction too, which stays usable", async () => {
    const app = queue.app([task]);
    await app.defer(task, { n: 9, key: "taken" });
    const ids = await queue.transaction(async (tx) => {
      const before = await app.batchDefer(task, list(2), { tx });
      const mixed = [{ n: 3 }, { n: 4, key: "free" }, { n: 5, key: "taken" }, { n: 6 }];
      const failure = app.batchDefer(task, mixed, { tx });
      await expect(failure).rejects.toMatchObject({ code: "already_enqueued", queueingLock: "taken" });
      return [...before, ...(await app.batchDefer(task, [{ n: 7, key: "free" }], { tx }))];
    });
    const [waiting, ...written] = await queue.jobs();
    expect(waiting).toMatchObject({ queueingKey: "taken", args: { n: 9 } });
    expect(written.map((job) => job.id)).toEqual(ids);
    expect(written.map((job) => job.args["n"])).toEqual([0, 1, 7]);
  });

  test("where others defer with the same locks in another order at the same time", async () => {
    const app = queue.app([task]);
    const keys = list(10).map(({ n }) => ({ n, key: `key ${n}` }));
    const calls = Array.from({ length: 20 }, (_none, n) =>
      app.batchDefer(task, n % 2 === 0 ? keys : [...keys].reverse()).catch((error) => error.code as string),
    );
    const outcomes = await Promise.all(calls);
    const winners = outcomes.filter((outcome) => typeof outcome !== "string");
    expect(winners).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "already_enqueued")).toHaveLength(19);
    expect((await queue.jobs()).map((job) => job.id)).toEqual(winners[0]);
  });

  test("where its transaction rolls back", async () => {
    const failing = queue.transaction(async (tx) => {
      await queue.app([task]).batchDefer(task, list(100), { tx });
      throw new Error("changed my mind");
    });
    await expect(failing).rejects.toThrow("changed my mind");
    expect(await queue.jobs()).toEqual([]);
  });
});

describe("a batch is refused", () => {
  test.each<[string, unknown]>([
    ["onConflict", { onConflict: "ignore" }],
    ["onConflict", { onConflict: "throw" }],
    ["defer.quue", { quue: "a" }],
    ["priority", { priority: "high" }],
  ])("for its %s: %j", async (option, options) => {
    const failure = queue.app([task]).batchDefer(task, list(2), options as BatchDeferOptions<never>);
    await expect(failure).rejects.toMatchObject({ code: "invalid_option", option });
    expect(queue.sent).toEqual([]);
  });

  test("for unknown options even where it is empty", async () => {
    const failure = queue.app([task]).batchDefer(task, [], { quue: "a" } as never);
    await expect(failure).rejects.toMatchObject({ option: "defer.quue" });
  });

  test.each([undefined, null, { n: 1 }, "list", new Set([{ n: 1 }])])("where it is no list: %s", async (args) => {
    const failure = queue.app([task]).batchDefer(task, args as never);
    await expect(failure).rejects.toMatchObject({ code: "invalid_option", option: "argsList" });
  });

  test("with the element that is at fault, in the message and as a field", async () => {
    const app = queue.app([task, positive]);
    const refused = app.batchDefer(positive, [{ n: 1 }, { n: 2 }, { n: -1 }]);
    await expect(refused).rejects.toMatchObject({ code: "invalid_args", index: 2, path: "args.n", cause: [{}] });
    await expect(refused).rejects.toThrow('Task "positive": element 2 of the batch: args.n is refused');
    const noJson = app.batchDefer(task, [{ n: 1 }, { n: Number.NaN }]);
    await expect(noJson).rejects.toMatchObject({ index: 1, path: "args.n" });
    const longKey = app.batchDefer(task, [{ n: 1 }, { n: 2, key: "x".repeat(2001) }]);
    await expect(longKey).rejects.toMatchObject({ code: "invalid_option", option: "queueingLock", index: 1 });
    await expect(longKey).rejects.toThrow(/^element 1 of the batch: queueingLock: .* has 2001 bytes/);
    const large = queue.app([task], { maxArgsBytes: 20 }).batchDefer(task, [{ n: 1 }, { n: 2, key: "x".repeat(20) }]);
    await expect(large).rejects.toMatchObject({ code: "invalid_args", index: 1 });
    expect(queue.sent).toEqual([]);
  });

  test("without an element where the options of the call are at fault, or the call is no batch", async () => {
    const app = queue.app([task, positive]);
    const priority = app.batchDefer(task, list(2), { priority: 0.5 });
    await expect(priority).rejects.toMatchObject({ option: "priority", index: undefined });
    const single = app.defer(positive, { n: -1 });
    await expect(single).rejects.toMatchObject({ code: "invalid_args", index: undefined });
    await expect(single).rejects.toThrow('Task "positive": args.n is refused');
  });

  test("with an undefined onConflict it is not: spread options have such", async () => {
    const options = { onConflict: undefined } as BatchDeferOptions<never>;
    expect(await queue.app([task]).batchDefer(task, list(1), options)).toHaveLength(1);
  });
});
