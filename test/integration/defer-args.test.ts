import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { silentLogger } from "../../src/logger.ts";
import { defineTask } from "../../src/task/define-task.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";

let queue: TestQueue;

beforeAll(async () => {
  queue = await openTestQueue();
});
afterAll(() => queue.close());
beforeEach(() => queue.clear());

async function onlyArgs(): Promise<unknown> {
  const [job, ...more] = await queue.jobs();
  expect(more).toEqual([]);
  return job?.args;
}

describe("what is stored of arguments", () => {
  test("is the JSON that was given, not what the schema makes of it", async () => {
    const task = defineTask({
      name: "coerced",
      schema: z.object({
        at: z.coerce.date(),
        count: z.string().transform(Number),
        size: z.number().default(5),
        name: z.string().trim().toLowerCase(),
      }),
      lock: ({ name, count }) => `${name}${count}`,
    });
    const given = { at: "2026-03-04T05:06:07Z", count: "12", name: "  Ada ", extra: [1] };
    await queue.app([task]).defer(task, given);
    expect(await onlyArgs()).toEqual(given);
    expect(await queue.jobs()).toMatchObject([{ lock: "  Ada 12" }]);
  });

  test("is the same with a schema that answers later", async () => {
    const task = defineTask({
      name: "async",
      schema: z.object({ user: z.string() }).transform(async ({ user }) => user.length),
    });
    await queue.app([task]).defer(task, { user: "ada" });
    expect(await onlyArgs()).toEqual({ user: "ada" });
  });

  test("is one nested deeply", async () => {
    const task = defineTask<{ tree: unknown[] }>({ name: "deep" });
    let tree: unknown[] = [];
    for (let depth = 0; depth < 498; depth++) tree = [tree];
    await queue.app([task]).defer(task, { tree } as never);
    expect(JSON.stringify(await onlyArgs())).toBe(JSON.stringify({ tree }));
  });

  test("is what they were at the call", async () => {
    const task = defineTask<{ n: number }>({ name: "plain" });
    const app = queue.app([task]);
    const args = { n: 1 };
    const calls = [app.defer(task, args)];
    args.n = 2;
    calls.push(app.defer(task, args, { queueingLock: "a" }));
    args.n = 3;
    await Promise.all(calls);
    expect((await queue.jobs()).map((job) => job.args["n"]).sort()).toEqual([1, 2]);
  });
});

describe("nothing is written, and the caller's transaction stays usable,", () => {
  const checked = defineTask({ name: "checked", schema: z.object({ n: z.number().min(1) }) });
  const later = defineTask({ name: "later", schema: z.object({ n: z.number() }).refine(async ({ n }) => n > 0) });
  const broken = defineTask({
    name: "broken",
    schema: z.object({ n: z.number() }).refine(() => {
      throw new RangeError("bug in the schema");
    }),
  });
  const locked = defineTask<{ n: number }>({
    name: "locked",
    lock: () => {
      throw new RangeError("bug in the lock");
    },
  });
  const plain = defineTask<{ n: unknown }>({ name: "plain" });

  test.each([
    [
      "a schema refuses the arguments",
      checked,
      { n: 0 },
      { code: "invalid_args", taskName: "checked", path: "args.n" },
    ],
    ["a schema refuses them later", later, { n: 0 }, { code: "invalid_args", taskName: "later", path: "args" }],
    ["a schema fails", broken, { n: 1 }, { message: "bug in the schema" }],
    ["a lock cannot be made", locked, { n: 1 }, { message: "bug in the lock" }],
    ["they hold a Date", plain, { n: new Date() }, { code: "invalid_args", path: "args.n" }],
    ["they hold a bigint", plain, { n: [1n] }, { code: "invalid_args", path: "args.n[0]" }],
    ["they hold NUL", plain, { n: "a\u0000" }, { code: "invalid_args", path: "args.n" }],
    ["they hold half a character", plain, { n: { "\ud800": 1 } }, { code: "invalid_args" }],
    ["they are an array", plain, [1], { code: "invalid_args", path: "args" }],
    ["they are too large", plain, { n: "x".repeat(1000) }, { code: "invalid_args", path: "args" }],
  ])("where %s", async (_what, task, args, expected) => {
    const app = queue.app([task], { maxArgsBytes: 1000 });
    await expect(app.defer(task as typeof plain, args as never)).rejects.toMatchObject(expected);
    await expect(app.defer(task as typeof plain, args as never, { queueingLock: "a" })).rejects.toMatchObject(expected);
    const batch = [{ n: 2 }, args] as never;
    await expect(app.batchDefer(task as typeof plain, batch)).rejects.toMatchObject(expected);
    expect(queue.sent).toEqual([]);
    await queue.transaction(async (tx) => {
      await expect(app.defer(task as typeof plain, args as never, { tx })).rejects.toMatchObject(expected);
      await queue.app([plain]).defer(plain, { n: "after" } as never, { tx });
    });
    expect(await onlyArgs()).toEqual({ n: "after" });
  });
});

describe("large arguments", () => {
  const task = defineTask<{ text: string }>({ name: "large" });

  test("are written, with one warning for each job over 1 MiB", async () => {
    const warnings: unknown[] = [];
    const logger = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
    const app = queue.app([task], { logger });
    const text = "€".repeat(400_000);
    const bytes = Buffer.byteLength(JSON.stringify({ text }));
    const options = { queueingLock: "a", onConflict: "replace" } as const;
    const id = await app.defer(task, { text }, options);
    expect(warnings).toEqual([{ action: "large_args", task: "large", bytes }]);
    expect(await app.defer(task, { text: `${text}!` }, options)).toBe(id);
    expect(warnings).toHaveLength(2);
    await app.defer(task, { text: "small" });
    expect(warnings).toHaveLength(2);
    const stored = (await queue.jobs()).map((job) => job.args["text"]);
    expect(stored).toEqual([`${text}!`, "small"]);
  });

  test("are written up to 16 MiB where the app says nothing else", async () => {
    const text = "x".repeat(16 * 1024 * 1024 - '{"text":""}'.length);
    const app = queue.app([task]);
    await app.defer(task, { text });
    await expect(app.defer(task, { text: `${text}x` })).rejects.toMatchObject({ code: "invalid_args" });
    const { rows } = await queue.pool.query("select length(args ->> 'text') as length from procrastinate_jobs");
    expect(rows).toEqual([{ length: text.length }]);
  });
});
