import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { DeferOptions } from "../../src/task/deferrer.ts";
import { defineTask } from "../../src/task/define-task.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";

let queue: TestQueue;

beforeAll(async () => {
  queue = await openTestQueue();
});
afterAll(() => queue.close());
beforeEach(() => queue.clear());

const task = defineTask({ name: "sample" });

describe("names", () => {
  test.each([
    "x".repeat(128),
    "😀".repeat(128),
    "e\u0301".repeat(64),
    " ",
    "\u0001\n\t",
    "a\"b'c\\d",
    "a,b{c}$1%",
    "NULL",
  ])("of a task and a queue are stored as they are: %s", async (name) => {
    const named = defineTask({ name, queue: name });
    await queue.app([named]).defer(named);
    expect(await queue.jobs()).toMatchObject([{ task: name, queue: name }]);
  });
});

describe("a lock", () => {
  /** Text that the compression of Postgres cannot make smaller: nothing in it repeats. */
  function randomText(bytes: number): string {
    const units = randomBytes(bytes).map((byte) => 0x30 + (byte & 0x3f));
    return String.fromCharCode(...units);
  }

  const set = (columns: string, id: bigint): Promise<unknown> =>
    queue.pool.query(`update procrastinate_jobs set ${columns} where id = $1`, [id]);

  test("of 2,000 bytes fits into every index, also as both kinds at once and while the job runs", async () => {
    const app = queue.app([task]);
    const lock = randomText(2000);
    const options = { lock, queueingLock: lock, priority: 2_147_483_647 };
    const id = await app.defer(task, {}, options);
    await expect(app.defer(task, {}, options)).rejects.toMatchObject({ code: "already_enqueued", queueingLock: lock });
    expect(await app.defer(task, {}, { ...options, onConflict: "replace" })).toBe(id);
    await set("status = 'doing', queueing_key = null, running_lock = lock, ready = false", id);
    await app.defer(task, {}, options);
    expect(await queue.jobs()).toMatchObject([
      { lock, status: "doing" },
      { lock, queueingKey: lock, status: "todo" },
    ]);
  });

  test("of 2,000 bytes in characters of four bytes fits as well", async () => {
    const lock = Array.from({ length: 500 }, () => String.fromCodePoint(0x1f300 + randomBytes(1).readUInt8())).join("");
    expect(Buffer.byteLength(lock)).toBe(2000);
    const id = await queue.app([task]).defer(task, {}, { lock, queueingLock: lock });
    await set("status = 'doing', queueing_key = null, running_lock = lock", id);
    expect(await queue.jobs()).toMatchObject([{ lock, queueingLock: lock }]);
  });
});

describe("options out of their bounds write nothing and leave the caller's transaction usable", () => {
  test.each<[string, object]>([
    ["queue", { queue: "" }],
    ["queue", { queue: "x".repeat(129) }],
    ["queue", { queue: "😀".repeat(129) }],
    ["queue", { queue: "a\u0000b" }],
    ["queue", { queue: "\ud83d" }],
    ["lock", { lock: "x".repeat(2001) }],
    ["lock", { lock: "€".repeat(667) }],
    ["lock", { lock: "\u0000" }],
    ["lock", { lock: 5 }],
    ["queueingLock", { queueingLock: "x".repeat(2001) }],
    ["queueingLock", { queueingLock: "\udc00" }],
    ["priority", { priority: 2_147_483_648 }],
    ["priority", { priority: -2_147_483_649 }],
    ["priority", { priority: 1.5 }],
    ["priority", { priority: Number.NaN }],
    ["scheduleAt", { scheduleAt: new Date(Number.NaN) }],
    ["scheduleAt", { scheduleAt: "tomorrow" }],
    ["scheduleIn.seconds", { scheduleIn: { seconds: -1 } }],
    ["scheduleIn", { scheduleAt: new Date(), scheduleIn: { seconds: 1 } }],
    ["onConflict", { onConflict: "skip", queueingLock: "a" }],
    ["defer.queueingLok", { queueingLok: "a" }],
    ["tx", { tx: "begin" }],
    ["tx", { tx: null }],
  ])("%s: %j", async (option, options) => {
    const app = queue.app([task]);
    const given = options as DeferOptions<never>;
    const expected = { code: "invalid_option", option };
    await expect(app.defer(task, {}, given)).rejects.toMatchObject(expected);
    await expect((async () => app.configure(task, given).defer())()).rejects.toMatchObject(expected);
    await expect(app.batchDefer(task, [{}, {}], given)).rejects.toMatchObject(expected);
    expect(queue.sent).toEqual([]);
    const id = await queue.transaction(async (tx) => {
      await expect(app.defer(task, {}, { tx, ...options } as DeferOptions<never>)).rejects.toMatchObject(expected);
      return app.defer(task, {}, { tx });
    });
    expect((await queue.jobs()).map((job) => job.id)).toEqual([id]);
  });
});
