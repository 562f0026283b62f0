import { describe, expect, test } from "vitest";
import { z } from "zod";
import { createApp } from "../../src/app.ts";
import type { Connector } from "../../src/connector.ts";
import { InvalidArgsError, InvalidOptionError, TaskNotFoundError } from "../../src/errors.ts";
import { PeriodicTaskAlreadyRegisteredError } from "../../src/periodic/periodic-errors.ts";
import { type PeriodicTask, periodic } from "../../src/periodic/periodic-task.ts";
import { defineTask } from "../../src/task/define-task.ts";

const query = () => Promise.reject(new Error("no database here"));
const connector: Connector<object> = {
  name: "none",
  pool: { query },
  using: () => ({ query }),
  transaction: (work) => work({}),
};
const task = defineTask({ name: "sample", run: (_args: { n?: number }) => 1 });
const cron = "0 3 * * *";
const create = (...list: unknown[]) => createApp({ connector, tasks: [task], periodic: list as PeriodicTask[] });

describe("a periodic task", () => {
  test("has the defaults of Procrastinate", () => {
    expect(periodic(task, { cron }).schedule).toEqual({
      ...{ cron, timezone: "UTC", periodicId: "", missed: "once", maxDelaySeconds: 600, job: {} },
    });
  });

  test("keeps what it was given", () => {
    const job = { queue: "q", priority: 3, lock: null, lockMode: "mutex", queueingLock: "one" } as const;
    const given = {
      cron,
      timezone: "Europe/Paris",
      periodicId: "p",
      missed: "all",
      maxDelay: { milliseconds: 1001 },
    } as const;
    const { schedule } = periodic(task, { ...given, ...job });
    expect(schedule).toEqual({
      cron,
      timezone: "Europe/Paris",
      periodicId: "p",
      missed: "all",
      maxDelaySeconds: 2,
      job,
    });
  });

  test.each<[string, object]>([
    ["cron", {}],
    ["cron", { cron: "61 * * * *" }],
    ["timezone", { cron, timezone: "Paris" }],
    ["periodicId", { cron, periodicId: "x".repeat(129) }],
    ["periodicId", { cron, periodicId: 7 }],
    ["missed", { cron, missed: "twice" }],
    ["maxDelay.hour", { cron, maxDelay: { hour: 1 } }],
    ["maxDelay", { cron, maxDelay: { days: 30_000 } }],
    ["queue", { cron, queue: "" }],
    ["priority", { cron, priority: 0.5 }],
    ["lock", { cron, lock: "x".repeat(2001) }],
    ["lockMode", { cron, lockMode: "shared" }],
    ["queueingLock", { cron, queueingLock: 1 }],
    ["periodic.scheduleIn", { cron, scheduleIn: { minutes: 1 } }],
  ])("refuses a bad %s", (option, options) => {
    const make = () => periodic(task, options as never);
    expect(make).toThrow(InvalidOptionError);
    expect(make).toThrow(new RegExp(`^${option.replace(".", "\\.")}: `));
  });

  test("refuses arguments that are no JSON, or that its schema refuses", () => {
    const strict = defineTask({ name: "strict", schema: z.object({ day: z.string() }) });
    expect(() => periodic(task, { cron, args: new Date() as never })).toThrow(InvalidArgsError);
    expect(() => periodic(task, { cron, args: [] as never })).toThrow("args is neither an object nor a function");
    expect(() => periodic(strict, { cron } as never)).toThrow(
      /Task "strict": args\.day is refused by the task's schema/,
    );
    expect(periodic(strict, { cron, args: { day: "today" } }).args).toEqual({ day: "today" });
  });
});

describe("the periodic tasks of an app", () => {
  test("are one per task and id", () => {
    create(periodic(task, { cron }), periodic(task, { cron, periodicId: "b" }));
    const twice = () =>
      create(periodic(task, { cron, periodicId: "b" }), periodic(task, { cron: "@daily", periodicId: "b" }));
    expect(twice).toThrow(PeriodicTaskAlreadyRegisteredError);
    expect(twice).toThrow('The code has a schedule of "sample" with the periodicId "b" already.');
  });

  test("are of tasks that it has", () => {
    const other = defineTask({ name: "other" });
    expect(() => create(periodic(other, { cron }))).toThrow(TaskNotFoundError);
  });

  test.each([{}, null, task, { cron }])("are made by periodic: not %j", (given) => {
    expect(() => create(given)).toThrow("is not a periodic task. Make it with periodic(task, { cron }).");
  });
});
