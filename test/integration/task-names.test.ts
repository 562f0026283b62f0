import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { defineTask, namespace, removeOldJobs, TaskAlreadyRegisteredError } from "../../src/index.ts";
import { expectDeferred, runDueJobs } from "../../src/testing/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { FAST } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

test("jobs that wait under a former name run, and may still be deferred by it", async () => {
  const ran: string[] = [];
  const before = defineTask({ name: "mail" });
  await queue.app([before]).defer(before);
  const after = defineTask({ name: "emails.send", aliases: ["mail"], run: (_args, { job }) => ran.push(job.taskName) });
  const app = queue.app([after]);
  await app.deferByName("mail");
  await app.defer(after);
  const { succeeded } = await runDueJobs(app, FAST);
  expect(succeeded).toHaveLength(3);
  expect(ran).toEqual(["mail", "emails.send", "emails.send"]);
});

test("tasks of a namespace run under its name, and defer each other as if there were none", async () => {
  const ran: string[] = [];
  const receipt = defineTask({ name: "receipt", run: (_args, { job }) => ran.push(job.taskName) });
  const charge = defineTask({
    name: "charge",
    aliases: ["pay"],
    run: async ({ left }: { left: number }, context) => {
      ran.push(context.job.taskName);
      await context.batchDefer(receipt, [{}]);
      if (left > 0) await context.defer(charge, { left: left - 1 });
    },
  });
  const billing = namespace("billing", { charge, receipt });
  const app = queue.app(Object.values(billing));
  await app.defer(billing.charge, { left: 1 });
  await app.deferByName<typeof charge>("billing:pay", { left: 0 });
  await app.configure(charge, {}).defer({ left: 0 });
  const { failed } = await runDueJobs(app, FAST);
  expect(failed).toEqual([]);
  expect(ran.filter((name) => name === "billing:charge")).toHaveLength(4);
  expect(ran.filter((name) => name === "billing:receipt")).toHaveLength(4);
});

test("what was put into a namespace is looked for under its name there", async () => {
  const raw = defineTask({ name: "raw", run: () => undefined });
  const app = queue.app(namespace("ns", [raw]));
  await app.defer(raw);
  expect(await expectDeferred(app, raw, { times: 1 })).toHaveLength(1);
  await expect(expectDeferred(app, raw, { times: 0 })).rejects.toThrow("found 1");
});

test("the name of a built-in task is taken", () => {
  const mine = defineTask({ name: "mine", aliases: [removeOldJobs.name] });
  expect(() => queue.app([mine])).toThrow(TaskAlreadyRegisteredError);
});
