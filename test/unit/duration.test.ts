import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Duration, durationToMs } from "../../src/duration.ts";
import { InvalidOptionError } from "../../src/errors.ts";

function refusal(duration: unknown): InvalidOptionError {
  try {
    durationToMs(duration as Duration, "wait");
  } catch (error) {
    if (error instanceof InvalidOptionError) return error;
    throw error;
  }
  throw new Error("The duration was taken.");
}

describe("a duration", () => {
  test.each([
    [{ weeks: 1 }, 604_800_000],
    [{ days: 1 }, 86_400_000],
    [{ hours: 1 }, 3_600_000],
    [{ minutes: 1 }, 60_000],
    [{ seconds: 1 }, 1000],
    [{ milliseconds: 1 }, 1],
    [{ weeks: 1, days: 2, hours: 3, minutes: 4, seconds: 5, milliseconds: 6 }, 788_645_006],
    [{ hours: 1, minutes: 30 }, 5_400_000],
    [{ minutes: 0.5, milliseconds: 0.25 }, 30_000.25],
    [{ seconds: 0 }, 0],
    [{ seconds: -0 }, 0],
    [{}, 0],
    [{ minutes: 90 }, 5_400_000],
  ])("is the sum of its parts: %j", (duration, ms) => {
    expect(durationToMs(duration, "wait")).toBe(ms);
  });

  test("takes the same parts in any order", () => {
    const part = fc.integer({ min: 0, max: 1000 });
    fc.assert(
      fc.property(part, part, part, (days, minutes, milliseconds) => {
        const one = durationToMs({ days, minutes, milliseconds }, "wait");
        expect(one).toBe(durationToMs({ milliseconds, minutes, days }, "wait"));
        expect(one).toBe(days * 86_400_000 + minutes * 60_000 + milliseconds);
      }),
    );
  });

  test.each([
    [null, "wait: null is not a duration. Write it like { minutes: 5 }."],
    [undefined, "wait: undefined is not a duration. Write it like { minutes: 5 }."],
    [5000, "wait: 5000 is not a duration. Write it like { minutes: 5 }."],
    ["5m", 'wait: "5m" is not a duration. Write it like { minutes: 5 }.'],
    [[1, 2], "wait: an array is not a duration. Write it like { minutes: 5 }."],
    [() => 5, "wait: a function is not a duration. Write it like { minutes: 5 }."],
  ])("is an object and nothing else: %s", (duration, message) => {
    const error = refusal(duration);
    expect(error.message).toBe(message);
    expect(error).toMatchObject({ code: "invalid_option", option: "wait", value: duration });
  });

  /** As Temporal's: what it is made of is in getters of the prototype. */
  class PartsInGetters {
    get days(): number {
      return 90;
    }
  }
  class PartsInFields {
    readonly days = 90;
  }

  test.each<[string, object]>([
    ["a PartsInGetters object", new PartsInGetters()],
    ["a PartsInFields object", new PartsInFields()],
    ["a Map object", new Map([["days", 90]])],
    ["a Date object", new Date(0)],
    ["an object", Object.create({ days: 90 })],
  ])("is no object whose parts could go unseen: %s", (what, duration) => {
    expect(refusal(duration).message).toBe(
      `wait: ${what} is not a plain object. Write it like { minutes: 5 }; a Temporal.Duration as { milliseconds: duration.total("milliseconds") }.`,
    );
  });

  test("is a plain object of whatever origin", () => {
    expect(durationToMs(runInNewContext("({ days: 1 })"), "wait")).toBe(86_400_000);
    expect(durationToMs(Object.assign(Object.create(null), { days: 1 }), "wait")).toBe(86_400_000);
  });

  test.each(["minute", "months", "ms", "toString", "__proto__", "constructor", ""])("has no part named %s", (part) => {
    const error = refusal(Object.fromEntries([[part, 1]]));
    expect(error.message).toBe(
      `wait.${part}: 1 is not a part of a duration. Use weeks, days, hours, minutes, seconds, milliseconds.`,
    );
  });

  test.each([-1, -0.001, Number.NaN, Number.POSITIVE_INFINITY, "5", 5n, null, undefined, true, {}])(
    "has no part of %s",
    (value) => {
      const error = refusal({ hours: 1, minutes: value });
      expect(error.message).toMatch(/^wait\.minutes: .* is not a finite number of 0 or more\.$/);
      expect(error.value).toBe(value);
    },
  );

  test("is the sum of parts that it has, or refused by name, whatever is given", () => {
    const part = fc.oneof(fc.double(), fc.constantFrom(undefined, null, "5", 1n, {}));
    const parts = fc.dictionary(fc.constantFrom("weeks", "days", "hours", "minutes", "second", "valueOf"), part);
    const given = fc.oneof(parts, fc.anything({ withDate: true, withMap: true, withSet: true, withBigInt: true }));
    fc.assert(
      fc.property(given, (duration) => {
        let ms: number;
        try {
          ms = durationToMs(duration as Duration, "wait");
        } catch (error) {
          expect(error).toMatchObject({ name: "InvalidOptionError", option: expect.stringMatching(/^wait/) });
          return;
        }
        const { weeks = 0, days = 0, hours = 0, minutes = 0, ...others } = duration as Duration;
        expect(others).toEqual({});
        expect([Object.prototype, null]).toContain(Object.getPrototypeOf(duration));
        const sum = (((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60_000;
        expect(Math.abs(ms - sum)).toBeLessThanOrEqual(sum * 1e-9);
      }),
    );
  });

  test("is never longer than a number can tell", () => {
    expect(refusal({ weeks: Number.MAX_VALUE }).message).toMatch(/^wait: /);
    expect(refusal({ milliseconds: Number.MAX_VALUE, seconds: Number.MAX_VALUE }).message).toMatch(/^wait: /);
  });
});
