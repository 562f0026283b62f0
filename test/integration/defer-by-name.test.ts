import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { defineTask, InvalidArgsError, InvalidOptionError, TaskNotFoundError } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

const send = defineTask({
  name: "emails.send",
  queue: "emails",
  priority: 4,
  lock: ({ to }) => `to:${to}`,
  schema: z.object({ to: z.string() }),
});

test("a task that the app has is deferred by its name with its own options, schema and locks", async () => {
  const app = queue.app([send]);
  await app.deferByName<typeof send>("emails.send", { to: "ada" });
  await app.deferByName("emails.send", { to: "bob" }, { queue: "night", allowUnknown: true });
  await app.batchDeferByName<typeof send>("emails.send", [{ to: "eve" }], { priority: -1 });
  expect(await queue.jobs()).toMatchObject([
    { task: "emails.send", queue: "emails", priority: 4, lock: "to:ada" },
    { queue: "night", priority: 4, lock: "to:bob" },
    { queue: "emails", priority: -1, lock: "to:eve" },
  ]);
  await expect(app.deferByName("emails.send", { to: 1 })).rejects.toThrow(InvalidArgsError);
});

test("a name that the app does not have is refused, and written where it is allowed", async () => {
  const app = queue.app([send]);
  await expect(app.deferByName("other")).rejects.toThrow(TaskNotFoundError);
  await expect(app.batchDeferByName("other", [{}])).rejects.toThrow('No task is named "other"');
  await expect(app.deferByName("", {}, { allowUnknown: true })).rejects.toThrow(InvalidOptionError);
  await app.deferByName("other", { any: [1] }, { allowUnknown: true, scheduleIn: { hours: 1 } });
  await app.batchDeferByName("other", [{}, {}], { allowUnknown: true, queue: "q", priority: 2 });
  expect(await queue.jobs()).toMatchObject([
    { task: "other", queue: "default", priority: 0, args: { any: [1] }, ready: false },
    { task: "other", queue: "q", priority: 2 },
    { task: "other", queue: "q", priority: 2 },
  ]);
});

test("a task that the app does not have is refused, alone, in a batch and bound to options", async () => {
  const app = queue.app([send]);
  const other = defineTask<object>({ name: "other" });
  await expect(app.defer(other)).rejects.toThrow(TaskNotFoundError);
  await expect(app.batchDefer(other, [{}])).rejects.toThrow('No task is named "other"');
  await expect(app.configure(other, {}).defer()).rejects.toThrow(TaskNotFoundError);
  expect(await queue.jobs()).toEqual([]);
});

test("a name is deferred in the caller's transaction", async () => {
  const app = queue.app([send]);
  const work = queue.transaction(async (tx) => {
    await app.deferByName("emails.send", { to: "ada" }, { tx });
    throw new Error("rolled back");
  });
  await expect(work).rejects.toThrow("rolled back");
  expect(await queue.jobs()).toEqual([]);
});
