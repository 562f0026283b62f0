import { describe, expect, test } from "vitest";
import { type AbortReason, JobAbortedError, JobTimeoutError, LeaseLostError } from "../../src/errors.ts";
import type { Job } from "../../src/job.ts";
import { defineTask } from "../../src/task/define-task.ts";
import type { RetryDecision, RetryOption, RetryStrategy } from "../../src/task/retry.ts";
import { decideOutcome, type EndedRun, type Outcome, type RunEnd } from "../../src/worker/run-outcome.ts";
import { sampleJob } from "../support/sample-job.ts";

const boom = new Error("boom");
const returned: RunEnd = { returned: 5 };
const threw: RunEnd = { threw: boom };

interface Run extends Partial<EndedRun> {
  readonly retry?: RetryOption;
}

function decide({ retry = false, ...run }: Run): Outcome {
  const task = defineTask({ name: "sample", retry, timeout: { seconds: 2 } });
  const defaults = {
    job: sampleJob(),
    task,
    end: threw,
    abortReason: undefined,
    completion: undefined,
    random: () => 0,
  };
  return decideOutcome({ ...defaults, ...run });
}

function decided(decision: RetryDecision): RetryStrategy {
  return { decide: () => decision };
}

describe("what becomes of a job", () => {
  const reasons: (AbortReason | undefined)[] = [undefined, "user_request", "shutdown", "timeout", "lease_lost"];
  const ends = [
    ["returned", returned],
    ["threw", threw],
    ["threw an abort", { threw: new JobAbortedError() }],
  ] as const;

  test.each(reasons.flatMap((reason) => ends.map(([name, end]) => [reason, name, end] as const)))(
    "is completed if its completion committed, whatever else: abort reason %s, %s",
    (abortReason, _name, end) => {
      expect(decide({ end, abortReason, completion: "ended", retry: true })).toEqual({ kind: "completed" });
    },
  );

  const table: readonly (readonly [AbortReason | undefined, string, string])[] = [
    [undefined, "returned", "succeeded"],
    [undefined, "threw", "retry"],
    [undefined, "threw an abort", "aborted"],
    ["user_request", "returned", "succeeded"],
    ["user_request", "threw", "aborted"],
    ["user_request", "threw an abort", "aborted"],
    ["shutdown", "returned", "succeeded"],
    ["shutdown", "threw", "interrupted"],
    ["shutdown", "threw an abort", "interrupted"],
    ["timeout", "returned", "succeeded"],
    ["timeout", "threw", "retry"],
    ["timeout", "threw an abort", "retry"],
    ["lease_lost", "returned", "lost"],
    ["lease_lost", "threw", "lost"],
    ["lease_lost", "threw an abort", "lost"],
  ];

  test.each(table)(
    "follows from why it was stopped and how it ended: abort reason %s, %s",
    (abortReason, name, kind) => {
      const end = ends.find(([other]) => other === name)?.[1] ?? returned;
      expect(decide({ end, abortReason, retry: true }).kind).toBe(kind);
      const withoutRetry = kind === "retry" ? "failed" : kind;
      expect(decide({ end, abortReason, retry: false }).kind).toBe(withoutRetry);
    },
  );

  test("is failure with what was thrown, whatever that is", () => {
    for (const error of [boom, null, undefined, "text", 5n, Symbol("x"), {}, Object.create(null)]) {
      expect(decide({ end: { threw: error } })).toEqual({ kind: "failed", error });
    }
  });

  test("is failure where nobody knows the task", () => {
    expect(decide({ task: undefined })).toEqual({ kind: "failed", error: boom });
  });

  test("tells the abort that the handler threw from other errors of this package", () => {
    expect(decide({ end: { threw: new LeaseLostError(7n) } }).kind).toBe("failed");
  });

  test("is a timeout with what the handler threw as its cause", () => {
    const outcome = decide({ abortReason: "timeout" });
    expect(outcome).toMatchObject({ kind: "failed", error: { code: "job_timeout", timeoutMs: 2000, cause: boom } });
    expect((outcome as { error: unknown }).error).toBeInstanceOf(JobTimeoutError);
  });
});

describe("a retry", () => {
  test("asks the strategy about the job, the error and the dice", () => {
    const asked: unknown[] = [];
    const random = () => 0.5;
    const job: Job = sampleJob({ attempts: 3 });
    const strategy: RetryStrategy = {
      decide(failure) {
        asked.push(failure);
        return undefined;
      },
    };
    expect(decide({ job, random, retry: strategy })).toEqual({ kind: "failed", error: boom });
    expect(asked).toEqual([{ job, error: boom, random }]);
  });

  test("sees the timeout, not what the handler made of it", () => {
    const seen: unknown[] = [];
    decide({ abortReason: "timeout", retry: { decide: ({ error }) => void seen.push(error) as undefined } });
    expect(seen[0]).toBeInstanceOf(JobTimeoutError);
  });

  test.each<[RetryDecision, object]>([
    [{}, { delayMs: 0, priority: undefined, queue: undefined, lock: undefined }],
    [{ retryIn: { minutes: 1 } }, { delayMs: 60_000 }],
    [{ retryIn: { weeks: 1_000_000 } }, { delayMs: 100 * 365 * 86_400_000 }],
    [{ retryAt: new Date(5) }, { delayMs: 0, atMs: 5 }],
    [{ retryAt: new Date(8.64e15) }, { atMs: 253_402_300_799_999 }],
    [{ priority: -5 }, { priority: -5 }],
    [{ queue: "slow" }, { queue: "slow" }],
    [{ lock: "other" }, { lock: "other" }],
    [{ lock: "" }, { lock: "" }],
    [{ lock: null }, { lock: null }],
  ])("carries what the strategy decided: %j", (decision, retry) => {
    expect(decide({ retry: decided(decision) })).toMatchObject({ kind: "retry", error: boom, retry });
  });

  test.each<[string, unknown]>([
    ["a negative delay", { retryIn: { seconds: -1 } }],
    ["a delay that is no duration", { retryIn: 5 }],
    ["a delay of NaN", { retryIn: { seconds: Number.NaN } }],
    ["a time that is none", { retryAt: new Date(Number.NaN) }],
    ["a time that is no Date", { retryAt: "2030-01-01" }],
    ["both a time and a delay", { retryAt: new Date(0), retryIn: {} }],
    ["a priority that is none", { priority: 0.5 }],
    ["a queue without a name", { queue: "" }],
    ["a queue with NUL", { queue: "a\u0000" }],
    ["a lock that is too long", { lock: "x".repeat(2001) }],
  ])("fails the job where the strategy decided nonsense: %s", (_what, decision) => {
    const outcome = decide({ retry: decided(decision as RetryDecision) });
    expect(outcome).toMatchObject({ kind: "failed", error: { errors: [boom, { code: "invalid_option" }] } });
  });

  test("fails the job with both errors where the strategy throws", () => {
    const bug = new TypeError("bug");
    const strategy: RetryStrategy = {
      decide() {
        throw bug;
      },
    };
    const { error } = decide({ retry: strategy }) as { error: AggregateError };
    expect(error.errors).toEqual([boom, bug]);
    expect(error.message).toBe("boom; its retry strategy threw too: bug");
  });
});
