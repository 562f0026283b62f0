import { describe, expect, test } from "vitest";
import { toHistory } from "../../src/jobs/job-history.ts";
import type { JobStory } from "../../src/sql/find-job.ts";

const story = (fields: Partial<JobStory>): JobStory => ({
  ...{ status: "todo", deferredAt: 10, startedAt: null, finishedAt: null, events: [] },
  ...fields,
});
const types = (fields: Partial<JobStory>): string[] => toHistory(story(fields)).map(({ type }) => type);

describe("the history of a job", () => {
  test("without events is told by its own times", () => {
    expect(types({})).toEqual(["deferred"]);
    expect(types({ status: "doing", startedAt: 20 })).toEqual(["deferred", "started"]);
    expect(toHistory(story({ status: "succeeded", startedAt: 20, finishedAt: 30 }))).toEqual([
      { type: "deferred", at: new Date(10), detail: null },
      { type: "started", at: new Date(20), detail: null },
      { type: "succeeded", at: new Date(30), detail: null },
    ]);
  });

  test("has its events between, and its end once", () => {
    const events = [
      ["deferred_for_retry", 15, { attempt: 1 }],
      ["failed", 30, { attempt: 2 }],
    ] as const;
    expect(types({ status: "failed", startedAt: 20, finishedAt: 30, events })).toEqual([
      "deferred",
      "deferred_for_retry",
      "started",
      "failed",
    ]);
  });

  test("begins with deferring, also where other things happened in that moment, or it was committed late", () => {
    expect(types({ status: "cancelled", finishedAt: 10, events: [["cancelled", 10, null]] })).toEqual([
      "deferred",
      "cancelled",
    ]);
    expect(types({ status: "succeeded", startedAt: 10, finishedAt: 10 })).toEqual(["deferred", "started", "succeeded"]);
    expect(types({ events: [["changed", 5, null]] })).toEqual(["deferred", "changed"]);
  });

  test("tells an end that nobody wrote an event of, and not one that was taken back", () => {
    expect(types({ status: "cancelled", finishedAt: 30 })).toEqual(["deferred", "cancelled"]);
    const events = [
      ["cancelled", 20, null],
      ["retried", 30, { from: "cancelled" }],
    ] as const;
    expect(types({ events })).toEqual(["deferred", "cancelled", "retried"]);
    expect(types({ status: "cancelled", finishedAt: 40, events })).toEqual([
      "deferred",
      "cancelled",
      "retried",
      "cancelled",
    ]);
  });

  test("puts what was asked for while it ran after the start, within the same moment, too", () => {
    const events = [
      ["abort_requested", 20, null],
      ["aborted", 20, null],
    ] as const;
    expect(types({ status: "aborted", startedAt: 20, finishedAt: 20, events })).toEqual([
      ...["deferred", "started", "abort_requested", "aborted"],
    ]);
  });
});
