import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toNewJob } from "../../src/defer/new-job.ts";
import type { DeferOptions } from "../../src/task/deferrer.ts";
import { defineTask } from "../../src/task/define-task.ts";

const task = defineTask({ name: "sample" });

async function scheduleOf(options: object): Promise<{ atMs: number | null; inMs: number | null }> {
  const { atMs, inMs } = await toNewJob(task, {}, options as DeferOptions);
  return { atMs, inMs };
}

describe("scheduleAt", () => {
  const at = Date.UTC(2026, 2, 4, 5, 6, 7);

  test.each<[Date | string, number]>([
    [new Date(at), at],
    [new Date(at + 0.9), at],
    ["2026-03-04T05:06:07Z", at],
    ["2026-03-04T05:06:07.089Z", at + 89],
    ["2026-03-04T05:06:07.0891234Z", at + 89],
    ["2026-03-04T05:06Z", at - 7000],
    ["2026-03-04T06:06:07+01:00", at],
    ["2026-03-03T23:36:07-05:30", at],
    ["2026-03-04T05:06:07+00:00", at],
    ["2024-02-29T00:00:00Z", Date.UTC(2024, 1, 29)],
    ["9999-12-31T23:59:59.999Z", 253_402_300_799_999],
    ["1970-01-01T00:00:00Z", 0],
  ])("is a moment: %s", async (scheduleAt, atMs) => {
    expect(await scheduleOf({ scheduleAt })).toEqual({ atMs, inMs: null });
  });

  test.each(["1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z", new Date(-1), new Date(-8.64e15)])(
    "means now for any moment of the past, so also before 1970: %s",
    async (scheduleAt) => {
      expect(await scheduleOf({ scheduleAt })).toEqual({ atMs: 0, inMs: null });
    },
  );

  test("gives back any moment up to the year 9999, in both forms", async () => {
    const moments = fc.date({ min: new Date(0), max: new Date(253_402_300_799_999), noInvalidDate: true });
    await fc.assert(
      fc.asyncProperty(moments, async (moment) => {
        expect((await scheduleOf({ scheduleAt: moment })).atMs).toBe(moment.getTime());
        expect((await scheduleOf({ scheduleAt: moment.toISOString() })).atMs).toBe(moment.getTime());
      }),
    );
  });

  test.each([
    "2026-03-04T05:06:07",
    "2026-03-04",
    "2026-03-04T05:06:07 Z",
    "2026-03-04 05:06:07Z",
    "2026-03-04T05:06:07z",
    "2026-03-04T05:06:07+0100",
    "2026-03-04T05:06:07 Europe/Paris",
    "Wed, 04 Mar 2026 05:06:07 GMT",
    "+010000-01-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2025-02-29T00:00:00Z",
    "2026-04-31T23:00:00+02:00",
    "2026-13-01T00:00:00Z",
    "2026-00-10T00:00:00Z",
    "tomorrow",
    "",
  ])("is no text that leaves the moment open or names none: %j", async (scheduleAt) => {
    await expect(scheduleOf({ scheduleAt })).rejects.toMatchObject({
      code: "invalid_option",
      option: "scheduleAt",
      message: `scheduleAt: ${JSON.stringify(scheduleAt)} is not an ISO 8601 time with its offset. Write it like 2026-03-04T05:06:07Z or +01:00.`,
    });
  });

  test.each([
    "2026-03-04T25:00:00Z",
    "2026-03-04T05:06:61Z",
    "2026-03-04T05:06:07+24:00",
    new Date(Number.NaN),
    new Date("nonsense"),
    1_700_000_000_000,
    null,
    {},
    true,
  ])("is nothing that is no moment: %s", async (scheduleAt) => {
    await expect(scheduleOf({ scheduleAt })).rejects.toThrow("is not a valid Date or ISO 8601 time.");
  });

  test.each([new Date(253_402_300_800_000), new Date(8.64e15), "9999-12-31T23:59:59-01:00"])(
    "is no moment after the year 9999: %s",
    async (scheduleAt) => {
      await expect(scheduleOf({ scheduleAt })).rejects.toThrow("is after the year 9999.");
    },
  );
});

describe("scheduleIn", () => {
  test.each([
    [{ seconds: 5 }, 5000],
    [{ hours: 1, milliseconds: 0.5 }, 3_600_000.5],
    [{ days: 365 * 4000 }, 365 * 4000 * 86_400_000],
  ])("is a span of time: %j", async (scheduleIn, inMs) => {
    expect(await scheduleOf({ scheduleIn })).toEqual({ atMs: null, inMs });
  });

  test.each([{}, { seconds: 0 }, { milliseconds: -0 }])(
    "is no schedule where there is no delay: %j",
    async (scheduleIn) => {
      expect(await scheduleOf({ scheduleIn })).toEqual({ atMs: null, inMs: null });
    },
  );

  test.each([{ days: 366 * 4020 }, { weeks: 1e15 }])(
    "is no span that leads out of the calendar: %j",
    async (scheduleIn) => {
      await expect(scheduleOf({ scheduleIn })).rejects.toThrow("ms is more than 4,000 years.");
    },
  );

  test.each([5, "5m", null, { minutes: -1 }, { minute: 1 }, { weeks: Number.MAX_VALUE }])(
    "is nothing else: %j",
    async (scheduleIn) => {
      await expect(scheduleOf({ scheduleIn })).rejects.toThrow(/^scheduleIn/);
    },
  );
});

test("there is one schedule at most", async () => {
  const both = { scheduleAt: new Date(0), scheduleIn: {} };
  await expect(scheduleOf(both)).rejects.toThrow("was given together with scheduleAt. Give one of them.");
  expect(await scheduleOf({ scheduleAt: undefined, scheduleIn: undefined })).toEqual({ atMs: null, inMs: null });
});
