import { describe, expect, test } from "vitest";
import { durationToMs } from "../../src/duration.ts";
import { InvalidOptionError } from "../../src/errors.ts";
import { type RetryOption, type RetryOptions, retryStrategy, toRetryStrategy } from "../../src/task/retry.ts";
import { sampleJob } from "../support/sample-job.ts";

const never = (): number => 0;

/** The delays of the retries of a job that fails again and again, in seconds; as many as asked for, or until it fails. */
function series(retry: RetryOption, length = 4, random: () => number = never): number[] {
  const strategy = toRetryStrategy(retry);
  const delays: number[] = [];
  for (let attempts = 0; attempts < length; attempts++) {
    const decision = strategy?.decide({ job: sampleJob({ attempts }), error: new Error("x"), random });
    if (!decision) break;
    delays.push(durationToMs(decision.retryIn ?? {}, "retryIn") / 1000);
  }
  return delays;
}

function isRetried(options: RetryOptions, error: unknown): boolean {
  return retryStrategy(options).decide({ job: sampleJob(), error, random: never }) !== undefined;
}

function isNull(error: unknown): boolean {
  return error === null;
}

class HttpError extends Error {}
class NotFoundError extends HttpError {}

describe("the delays of a strategy", () => {
  test.each<[string, RetryOptions, number[]]>([
    ["none", {}, [0, 0, 0, 0]],
    ["a fixed one", { wait: { seconds: 5 } }, [5, 5, 5, 5]],
    ["a linear one", { linearWait: { seconds: 5 } }, [0, 5, 10, 15]],
    ["an exponential one", { exponentialWait: 5 }, [5, 25, 125, 625]],
    ["one to the power of anything", { exponentialWait: 1 }, [1, 1, 1, 1]],
    ["a shrinking one", { exponentialWait: 0.5 }, [0.5, 0.25, 0.125, 0.0625]],
    ["their sum", { wait: { seconds: 1 }, linearWait: { seconds: 10 }, exponentialWait: 2 }, [3, 15, 29, 47]],
    ["a bounded one", { exponentialWait: 5, maxWait: { seconds: 30 } }, [5, 25, 30, 30]],
    ["one that is bounded to none", { wait: { days: 1 }, maxWait: {} }, [0, 0, 0, 0]],
  ])("are those of Procrastinate: %s", (_what, options, expected) => {
    expect(series(retryStrategy(options))).toEqual(expected);
  });

  test("never exceed a year, however often the job failed", () => {
    const strategy = retryStrategy({ exponentialWait: 1_000_000, linearWait: { weeks: 1 } });
    const decision = strategy.decide({ job: sampleJob({ attempts: 5000 }), error: "x", random: never });
    expect(decision).toEqual({ retryIn: { milliseconds: 365 * 86_400_000 } });
  });

  test.each([
    [0, [10, 10]],
    [0.5, [9, 9]],
    [0.999, [8.002, 8.002]],
  ])("are shortened by the random share: with %d", (random, expected) => {
    const delays = series(retryStrategy({ wait: { seconds: 10 }, jitter: 0.2 }), 2, () => random);
    expect(delays.map((delay) => Math.round(delay * 1000) / 1000)).toEqual(expected);
  });

  test("are bounded before they are shortened, so that a bound does not bring all jobs back at once", () => {
    const options = { wait: { hours: 1 }, maxWait: { seconds: 10 }, jitter: 1 };
    expect(series(retryStrategy(options), 1, () => 0.25)).toEqual([7.5]);
  });
});

describe("the number of retries", () => {
  test.each<[RetryOption, number]>([
    [false, 0],
    [true, 1000],
    [0, 0],
    [1, 1],
    [3, 3],
    [retryStrategy(), 1000],
    [retryStrategy({ maxAttempts: 0 }), 0],
    [retryStrategy({ maxAttempts: 2 }), 2],
  ])("is what the task says: %j", (retry, expected) => {
    expect(series(retry, 1000)).toHaveLength(expected);
  });

  test("is none without a strategy", () => {
    expect(toRetryStrategy(undefined)).toBeUndefined();
    expect(toRetryStrategy(false)).toBeUndefined();
  });
});

describe("the errors to retry after", () => {
  test.each<[string, RetryOptions["retryOn"], unknown, boolean]>([
    ["all without a list", undefined, "a string", true],
    ["none with an empty list", [], new Error("x"), false],
    ["those of a class", [HttpError], new HttpError("x"), true],
    ["those of a subclass", [HttpError], new NotFoundError("x"), true],
    ["not those of a superclass", [NotFoundError], new HttpError("x"), false],
    ["not those of another class", [RangeError], new HttpError("x"), false],
    ["those of any class in the list", [RangeError, HttpError], new HttpError("x"), true],
    ["errors, when Error is in the list", [Error], new HttpError("x"), true],
    ["not what is no error, when Error is in the list", [Error], { message: "x" }, false],
    ["what an arrow function says", [(error) => error === "again"], "again", true],
    ["not what an arrow function denies", [(error) => error === "again"], "never", false],
    ["what a function with a prototype says", [isNull], null, true],
    ["what a function or a class says", [() => false, HttpError], new HttpError("x"), true],
    ["an abort of the platform", [DOMException], new DOMException("x", "AbortError"), true],
  ])("are %s", (_what, retryOn, error, expected) => {
    expect(isRetried(retryOn === undefined ? {} : { retryOn }, error)).toBe(expected);
  });

  test("leave the limit in place", () => {
    const strategy = retryStrategy({ maxAttempts: 1, retryOn: [HttpError] });
    const again = (attempts: number) =>
      strategy.decide({ job: sampleJob({ attempts }), error: new HttpError("x"), random: never });
    expect(again(0)).toBeDefined();
    expect(again(1)).toBeUndefined();
  });
});

test("a strategy of the app's own decides everything itself", () => {
  const own = { decide: () => ({ retryIn: { minutes: 1 }, priority: 5, queue: "slow", lock: null }) };
  expect(toRetryStrategy(own)).toBe(own);
});

describe("a strategy is refused at once", () => {
  test.each<[string, unknown, string]>([
    ["retry", null, "null is not an object of options."],
    ["retry.maxAttempts", { maxAttempts: -1 }, "-1 is not a whole number of 0 or more."],
    ["retry.maxAttempts", { maxAttempts: 1.5 }, "1.5 is not a whole number of 0 or more."],
    ["retry.maxAttempts", { maxAttempts: Number.NaN }, "NaN is not a whole number of 0 or more."],
    ["retry.maxAttempts", { maxAttempts: "3" }, '"3" is not a whole number of 0 or more.'],
    ["retry.wait", { wait: 5 }, "5 is not a duration. Write it like { minutes: 5 }."],
    ["retry.wait.seconds", { wait: { seconds: -1 } }, "-1 is not a finite number of 0 or more."],
    ["retry.linearWait.seconds", { linearWait: { seconds: Number.NaN } }, "NaN is not a finite number of 0 or more."],
    ["retry.maxWait.minute", { maxWait: { minute: 1 } }, "1 is not a part of a duration"],
    ["retry.exponentialWait", { exponentialWait: -1 }, "-1 is not a number from 0 to 1000000."],
    ["retry.exponentialWait", { exponentialWait: Number.NaN }, "NaN is not a number from 0 to 1000000."],
    ["retry.jitter", { jitter: 1.01 }, "1.01 is not a number from 0 to 1."],
    ["retry.jitter", { jitter: "0.5" }, '"0.5" is not a number from 0 to 1.'],
    ["retry.retryOn", { retryOn: HttpError }, "a function is not a list. Write [HttpError]."],
    ["retry.retryOn", { retryOn: ["HttpError"] }, '"HttpError" is neither a class of errors nor a function.'],
    [
      "retry.maxAttempt",
      { maxAttempt: 3 },
      "3 belongs to an option that does not exist. The options are maxAttempts, wait,",
    ],
  ])("for its %s: %j", (option, options, message) => {
    const make = () => retryStrategy(options as RetryOptions);
    expect(make).toThrow(InvalidOptionError);
    expect(make).toThrow(expect.objectContaining({ option }));
    expect(make).toThrow(`${option}: ${message}`);
  });

  test.each([null, "5", {}, { decide: 5 }, [], -1, 0.5, Number.NaN, () => undefined])("when it is %s", (retry) => {
    expect(() => toRetryStrategy(retry as RetryOption)).toThrow(InvalidOptionError);
  });
});
