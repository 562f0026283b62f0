import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  InvalidOptionError,
  ProcrastinateError,
  TaskAlreadyRegisteredError,
  TaskNotFoundError,
} from "../../src/errors.ts";
import { defineTask } from "../../src/task/define-task.ts";
import type { AnyTask } from "../../src/task/task.ts";
import { TaskRegistry } from "../../src/task/task-registry.ts";

function define(options: unknown): AnyTask {
  return defineTask(options as { name: string });
}

describe("a task", () => {
  test("has its defaults filled in", () => {
    expect(defineTask({ name: "sample" })).toEqual({
      name: "sample",
      queue: "default",
      priority: 0,
      lock: undefined,
      queueingLock: undefined,
      schema: undefined,
      retry: undefined,
      timeoutMs: undefined,
      lockMode: "ordered",
      aliases: [],
      middleware: [],
      storeResult: false,
      origin: undefined,
      run: undefined,
    });
  });

  test("has what it was given", () => {
    const run = () => 5;
    const lock = () => "a";
    const schema = z.object({});
    const strategy = { decide: () => undefined };
    const given = { name: "sample", queue: "mail", priority: -3, schema, run, lock, queueingLock: "b" };
    const task = defineTask({ ...given, retry: strategy, timeout: { minutes: 1 }, aliases: ["old"] });
    const defaults = { lockMode: "ordered", middleware: [], storeResult: false, origin: undefined };
    expect(task).toEqual({ ...given, ...defaults, retry: strategy, timeoutMs: 60_000, aliases: ["old"] });
  });

  test("cannot be changed", () => {
    const task = defineTask({ name: "sample" }) as { name: string };
    expect(() => {
      task.name = "other";
    }).toThrow(TypeError);
  });

  test("takes undefined for an absent option", () => {
    const absent = { queue: undefined, priority: undefined, lock: undefined, retry: undefined, timeout: undefined };
    expect(define({ name: "sample", ...absent })).toEqual(defineTask({ name: "sample" }));
  });

  test.each<[string, object]>([
    ["name", {}],
    ["name", { name: "" }],
    ["name", { name: "x".repeat(129) }],
    ["name", { name: "a\u0000" }],
    ["name", { name: 5 }],
    ["queue", { name: "a", queue: "" }],
    ["aliases", { name: "a", aliases: "b" }],
    ["aliases", { name: "a", aliases: [""] }],
    ["storeResult", { name: "a", storeResult: 1 }],
    ["middleware", { name: "a", middleware: [1] }],
    ["queue", { name: "a", queue: "\ud800" }],
    ["priority", { name: "a", priority: 1.5 }],
    ["priority", { name: "a", priority: 2 ** 31 }],
    ["priority", { name: "a", priority: "high" }],
    ["run", { name: "a", run: "later" }],
    ["run", { name: "a", run: null }],
    ["lock", { name: "a", lock: 5 }],
    ["lock", { name: "a", lock: null }],
    ["lock", { name: "a", lock: "x".repeat(2001) }],
    ["queueingLock", { name: "a", queueingLock: {} }],
    ["queueingLock", { name: "a", queueingLock: "a\u0000" }],
    ["schema", { name: "a", schema: {} }],
    ["schema", { name: "a", schema: { "~standard": { version: 1 } } }],
    ["retry", { name: "a", retry: "often" }],
    ["retry.maxAttempts", { name: "a", retry: -1 }],
    ["timeout", { name: "a", timeout: {} }],
    ["timeout", { name: "a", timeout: 5 }],
    ["timeout.seconds", { name: "a", timeout: { seconds: -1 } }],
    ["defineTask.quue", { name: "a", quue: "b" }],
    ["defineTask.handler", { name: "a", handler: () => 1 }],
  ])("is refused for its %s: %j", (option, options) => {
    expect(() => define(options)).toThrow(InvalidOptionError);
    expect(() => define(options)).toThrow(expect.objectContaining({ option, code: "invalid_option" }));
  });

  test.each([undefined, null, "sample", 5])("is defined by an object of options: not %s", (options) => {
    expect(() => define(options)).toThrow("is not an object of options.");
  });
});

describe("the tasks of an app", () => {
  const one = defineTask({ name: "one", run: () => 1 });
  const two = defineTask({ name: "two" });

  test("are found by name", () => {
    const registry = new TaskRegistry([one, two]);
    expect(registry.names).toEqual(["one", "two"]);
    expect(registry.find("two")).toBe(two);
    expect(registry.get("one")).toBe(one);
    expect(registry.find("three")).toBeUndefined();
    expect(registry.find("toString")).toBeUndefined();
  });

  test("that are not there are named, with those that are", () => {
    const get = (tasks: AnyTask[]) => () => new TaskRegistry(tasks).get("three");
    expect(get([one, two])).toThrow(TaskNotFoundError);
    expect(get([one, two])).toThrow(
      'No task is named "three". The app has one, two. Add it to createApp({ tasks: [...] }).',
    );
    expect(get([])).toThrow('No task is named "three". The app has no tasks. Add it to createApp({ tasks: [...] }).');
    const many = Array.from({ length: 500 }, (_none, index) => defineTask({ name: `task${index}` }));
    expect(get(many)).toThrow(/task18, task19\. Add it/);
  });

  test("have a name each", () => {
    const again = defineTask({ name: "one" });
    expect(() => new TaskRegistry([one, again])).toThrow(TaskAlreadyRegisteredError);
    expect(() => new TaskRegistry([one, one])).toThrow(
      'Two tasks are named "one". Give each task of an app its own name.',
    );
    expect(new TaskRegistry([one, defineTask({ name: "One" })]).names).toEqual(["one", "One"]);
  });

  test("can be run here if one of them can", () => {
    expect(new TaskRegistry([]).hasRunnable).toBe(false);
    expect(new TaskRegistry([two]).hasRunnable).toBe(false);
    expect(new TaskRegistry([two, one]).hasRunnable).toBe(true);
  });

  test.each([undefined, null, "one", { name: "one" }, () => 1])("are tasks: not %s", (task) => {
    expect(() => new TaskRegistry([one, task as AnyTask])).toThrow(
      "is not a task. Make it with defineTask({ name, run }).",
    );
  });

  test.each([undefined, null, {}, new Set([one])])("are an array: not %s", (tasks) => {
    expect(() => new TaskRegistry(tasks as never)).toThrow("is not an array of tasks.");
  });
});

test("every error of this package is one, with its own name and code", () => {
  for (const make of [() => define({ name: "" }), () => new TaskRegistry([]).get("x")]) {
    try {
      make();
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ProcrastinateError);
      expect(error).toMatchObject({
        name: (error as Error).constructor.name,
        code: expect.stringMatching(/^[a-z_]+$/),
      });
    }
  }
});
