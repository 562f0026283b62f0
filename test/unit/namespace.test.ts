import { describe, expect, test } from "vitest";
import {
  defineTask,
  InvalidOptionError,
  implementTask,
  namespace,
  TaskAlreadyRegisteredError,
} from "../../src/index.ts";
import { TaskRegistry } from "../../src/task/task-registry.ts";

const charge = defineTask({ name: "charge", queue: "money", aliases: ["pay"], run: () => 1 });
const refund = defineTask({ name: "refund" });

describe("a namespace", () => {
  test("puts its name before names and aliases, and changes nothing else", () => {
    const billing = namespace("billing", { charge, refund });
    expect(billing.charge).toEqual({ ...charge, name: "billing:charge", aliases: ["billing:pay"], origin: charge });
    expect(billing.refund.name).toBe("billing:refund");
    expect(charge.name).toBe("charge");
  });

  test("takes a list, and nests", () => {
    const [inner] = namespace("b", [charge]);
    const [outer] = namespace("a", [inner]);
    expect([outer.name, outer.aliases]).toEqual(["a:b:charge", ["a:b:pay"]]);
  });

  test.each<[what: string, build: () => unknown, error: unknown]>([
    ["without a name", () => namespace("", [charge]), InvalidOptionError],
    ["with a name too long", () => namespace("x".repeat(125), [charge]), InvalidOptionError],
    ["of no tasks", () => namespace("a", [{} as typeof charge]), InvalidOptionError],
    ["of nothing", () => namespace("a", undefined as never), InvalidOptionError],
    ["with the same task twice", () => namespace("a", [charge, charge]), TaskAlreadyRegisteredError],
    [
      "with an alias that is another's name",
      () => namespace("a", [charge, defineTask({ name: "pay" })]),
      TaskAlreadyRegisteredError,
    ],
  ])("%s is refused", (_what, build, error) => {
    expect(build).toThrow(error as never);
  });
});

describe("the tasks of an app", () => {
  test("are found by their aliases, and listed by their names", () => {
    const tasks = new TaskRegistry([charge, refund]);
    expect(tasks.find("pay")).toBe(charge);
    expect(tasks.names).toEqual(["charge", "refund"]);
  });

  test.each([
    [[charge, defineTask({ name: "pay" })], "pay"],
    [[defineTask({ name: "pay" }), charge], "pay"],
    [[charge, defineTask({ name: "x", aliases: ["charge"] })], "charge"],
    [[defineTask({ name: "x", aliases: ["x"] })], "x"],
    [[defineTask({ name: "x", aliases: ["y", "y"] })], "y"],
    [[...namespace("a", [charge]), defineTask({ name: "a:charge" })], "a:charge"],
  ])("are refused where two have one name (%#)", (tasks, taskName) => {
    expect(() => new TaskRegistry(tasks)).toThrow(
      expect.objectContaining({ code: "task_already_registered", taskName }),
    );
  });

  test("stand for what was put into their namespace", () => {
    const contract = namespace("a", { refund }).refund;
    const implemented = implementTask(contract, () => 1);
    const tasks = new TaskRegistry([...Object.values(namespace("b", { charge })), implemented]);
    expect(tasks.resolve(charge).name).toBe("b:charge");
    expect(tasks.resolve(refund)).toBe(implemented);
    const other = defineTask({ name: "other" });
    expect(tasks.resolve(other)).toBe(other);
    expect(new TaskRegistry([charge, ...namespace("b", [charge])]).resolve(charge)).toBe(charge);
    const twice = new TaskRegistry([...namespace("a", [charge]), ...namespace("b", [charge])]);
    expect(() => twice.resolve(charge)).toThrow("is in several namespaces: defer one of a:charge, b:charge.");
  });
});
