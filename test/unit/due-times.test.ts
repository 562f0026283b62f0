import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCron } from "../../src/periodic/cron.ts";
import { type DueTimesRequest, dueTimes, MISSED_POLICIES, ON_TIME_MS } from "../../src/periodic/due-times.ts";

const MINUTE = 60_000;
const NOW = Date.parse("2026-01-01T12:00:30Z");
const NOON = NOW - 30_000;
const times = parseCron({ cron: "* * * * *", timezone: "UTC" });

function dueOf(request: Partial<DueTimesRequest>) {
  return dueTimes({ times, nowMs: NOW, lastTickMs: NOON, missed: "once", maxDelayMs: 10 * MINUTE, ...request });
}

/** What a worker defers, step by step. */
function deferred(request: DueTimesRequest): number[] {
  const found: number[] = [];
  let { lastTickMs } = request;
  for (;;) {
    const { due, hasMore } = dueTimes({ ...request, lastTickMs });
    if (due === undefined) return found;
    found.push(due);
    lastTickMs = due;
    expect(hasMore).toBe(dueTimes({ ...request, lastTickMs }).due !== undefined);
  }
}

describe("a schedule", () => {
  test("whose ticks are all seen to waits for the next one", () => {
    expect(dueOf({})).toEqual({ due: undefined, hasMore: false, ignored: undefined, next: NOON + MINUTE });
  });

  test("defers a tick of this very moment, and none of the future", () => {
    expect(dueOf({ nowMs: NOON + MINUTE }).due).toBe(NOON + MINUTE);
    expect(dueOf({ nowMs: NOON + MINUTE - 1 }).due).toBe(undefined);
  });

  test("that says once makes up for the latest missed tick alone", () => {
    const expected = { due: NOON, hasMore: false, ignored: NOON - MINUTE, next: NOON + MINUTE };
    expect(dueOf({ lastTickMs: NOON - 5 * MINUTE })).toEqual(expected);
    expect(dueOf({ lastTickMs: NOON - MINUTE })).toEqual({ ...expected, ignored: undefined });
  });

  test("that says skip makes up for none", () => {
    const expected = { due: undefined, hasMore: false, ignored: NOON, next: NOON + MINUTE };
    expect(dueOf({ missed: "skip", lastTickMs: NOON - 5 * MINUTE })).toEqual(expected);
  });

  test("that says all makes up for each, the oldest first, within the longest delay", () => {
    const request = { missed: "all", lastTickMs: NOON - 60 * MINUTE, maxDelayMs: 2.5 * MINUTE } as const;
    expect(dueOf(request)).toEqual({
      due: NOON - 2 * MINUTE,
      hasMore: true,
      ignored: NOON - 3 * MINUTE,
      next: NOON + MINUTE,
    });
    expect(dueOf({ ...request, lastTickMs: NOON - MINUTE })).toMatchObject({ due: NOON, hasMore: false });
  });

  test.each(MISSED_POLICIES)("defers nothing that is later than its longest delay (%s)", (missed) => {
    const request = { missed, lastTickMs: NOON - 60 * MINUTE, maxDelayMs: 29_999 };
    expect(dueOf(request)).toMatchObject({ due: undefined, ignored: NOON });
    expect(dueOf({ ...request, maxDelayMs: 0, nowMs: NOON }).due).toBe(NOON);
  });

  test.each(MISSED_POLICIES)("defers all ticks of the last seconds, which were not missed (%s)", (missed) => {
    const everySecond = parseCron({ cron: "* * * * * *", timezone: "UTC" });
    const request = { times: everySecond, nowMs: NOON, lastTickMs: NOON - 4000, missed, maxDelayMs: 10 * MINUTE };
    expect(deferred(request)).toEqual([NOON - 3000, NOON - 2000, NOON - 1000, NOON]);
  });
});

describe("whatever the schedule and the time", () => {
  const requests = fc.record({
    cron: fc.constantFrom("* * * * *", "*/10 * * * * *", "30 2 * * *", "5,35 */2 * * *"),
    timezone: fc.constantFrom("UTC", "Europe/Paris", "America/New_York"),
    nowMs: fc.constantFrom("2026-03-29T03:00:00Z", "2026-10-25T02:00:00Z", "2026-11-01T08:00:00Z").map(Date.parse),
    shiftMs: fc.integer({ min: 0, max: 7_200_000 }),
    behindMs: fc.integer({ min: 0, max: 600_000 }),
    maxDelayMs: fc.integer({ min: 0, max: 500_000 }),
    missed: fc.constantFrom(...MISSED_POLICIES),
  });

  test("only ticks that are new, due and not too late are deferred, in order, and each that the policy wants", () => {
    const property = fc.property(requests, ({ cron, timezone, nowMs, shiftMs, behindMs, maxDelayMs, missed }) => {
      const request = {
        ...{ times: parseCron({ cron, timezone }), missed, maxDelayMs },
        ...{ nowMs: nowMs - shiftMs, lastTickMs: nowMs - shiftMs - behindMs },
      };
      const possible: number[] = [];
      for (let tick = request.times.after(request.lastTickMs); tick !== undefined && tick <= request.nowMs; ) {
        possible.push(tick);
        tick = request.times.after(tick);
      }
      const inTime = possible.filter((tick) => tick >= request.nowMs - maxDelayMs);
      const onTime = inTime.filter((tick) => tick >= request.nowMs - ON_TIME_MS);
      const latest = onTime.length > 0 ? onTime : inTime.slice(-1);
      expect(deferred(request)).toEqual({ all: inTime, once: latest, skip: onTime }[missed]);
      const { due, ignored } = dueTimes(request);
      expect(ignored).toBe(possible.filter((tick) => due === undefined || tick < due).at(-1));
    });
    fc.assert(property, { numRuns: 60 });
  });
});
