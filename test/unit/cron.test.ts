import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidOptionError } from "../../src/errors.ts";
import { parseCron } from "../../src/periodic/cron.ts";

const at = (text: string) => Date.parse(text);
const show = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());

/** The times from one moment on, as many as there are until another. */
function timesBetween(cron: string, timezone: string, from: string, to: string): string[] {
  const { after } = parseCron({ cron, timezone });
  const found: string[] = [];
  for (let ms = after(at(from) - 1); ms !== undefined && ms < at(to); ms = after(ms)) {
    found.push(new Date(ms).toISOString().slice(11, 16));
  }
  return found;
}

describe("a cron expression", () => {
  test.each([
    ["30 4 * * *", "2026-01-01T04:30:00.000Z"],
    ["*/15 * * * *", "2026-01-01T00:15:00.000Z"],
    ["*/10 * * * * *", "2026-01-01T00:00:10.000Z"],
    ["30 0 4 * * *", "2026-01-01T04:00:30.000Z"],
    ["@hourly", "2026-01-01T01:00:00.000Z"],
    ["@daily", "2026-01-02T00:00:00.000Z"],
    ["@weekly", "2026-01-04T00:00:00.000Z"],
    ["@monthly", "2026-02-01T00:00:00.000Z"],
    ["@yearly", "2027-01-01T00:00:00.000Z"],
    ["0 0 29 2 *", "2028-02-29T00:00:00.000Z"],
    ["0 0 * * MON-FRI", "2026-01-02T00:00:00.000Z"],
    ["0 0 13 * FRI", "2026-01-02T00:00:00.000Z"],
    ["0 0 L * *", "2026-01-31T00:00:00.000Z"],
  ])("%s comes next at %s", (cron, expected) => {
    expect(show(parseCron({ cron, timezone: "UTC" }).after(at("2026-01-01T00:00:00Z")))).toBe(expected);
  });

  test.each([
    "",
    "* * * *",
    "* * * * * * *",
    "60 * * * *",
    "5-1 * * * *",
    "@reboot",
    "@every 5m",
    "2030-01-01T00:00:00",
    "x",
  ])("is not %j", (cron) => {
    const read = () => parseCron({ cron, timezone: "UTC" });
    expect(read).toThrow(InvalidOptionError);
    expect(read).toThrow(/^cron: .* is not a cron expression.*Give it 5 fields/);
  });

  test("of no type but text", () => {
    expect(() => parseCron({ cron: "@fortnightly", timezone: "UTC" })).toThrow(
      'cron: "@fortnightly" is not a cron expression. Give it 5 fields',
    );
    expect(() => parseCron({ cron: 5 as never, timezone: "UTC" })).toThrow("cron: 5 is not a cron expression");
  });

  test.each(["0 0 30 2 *", "0 0 31 4,6,9,11 *", "* * * 31 2 *", "0 0 31 2,4,6 +5L"])(
    "that never comes is refused: %s",
    (cron) => {
      expect(() => parseCron({ cron, timezone: "UTC" })).toThrow(/^cron: ".*" never comes/);
    },
  );

  test("that is too long to be read fast is refused", () => {
    const cron = `${Array(500).fill("1").join(",")} * * * *`;
    expect(() => parseCron({ cron, timezone: "UTC" })).toThrow("has 1007 characters. Give it at most 200.");
  });

  test.each(["Mars/Olympus", "", "+01:00", "Europe/Paris ", 5 as never])("needs a time zone: not %j", (timezone) => {
    expect(() => parseCron({ cron: "@daily", timezone })).toThrow(/^timezone: .* is not an IANA time zone/);
  });
});

describe("in summer time", () => {
  const spring = ["2026-03-29T00:00:00Z", "2026-03-29T03:00:00Z"] as const;
  const autumn = ["2026-10-25T00:00:00Z", "2026-10-25T03:00:00Z"] as const;

  test("a fixed time in the hour that is skipped comes when the clocks have gone forward", () => {
    expect(timesBetween("30 2 * * *", "Europe/Paris", ...spring)).toEqual(["01:00"]);
  });

  test("a fixed time in the hour that comes twice comes the first time", () => {
    expect(timesBetween("30 2 * * *", "Europe/Paris", ...autumn)).toEqual(["00:30"]);
  });

  test("a repeated time leaves the skipped hour out, and comes in both of a doubled one", () => {
    expect(timesBetween("*/30 * * * *", "Europe/Paris", ...spring)).toEqual([
      "00:00",
      "00:30",
      "01:00",
      "01:30",
      "02:00",
      "02:30",
    ]);
    expect(timesBetween("*/30 2 * * *", "Europe/Paris", ...spring)).toEqual([]);
    expect(timesBetween("*/30 2 * * *", "Europe/Paris", ...autumn)).toEqual(["00:00", "00:30", "01:00", "01:30"]);
  });

  test("nothing changes where there is none", () => {
    expect(timesBetween("30 2 * * *", "UTC", "2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z")).toEqual(["02:30"]);
  });
});

describe("the times before a moment and after it", () => {
  const crons = [
    "*/20 * * * * *",
    "7 * * * *",
    "*/30 1-3 * * *",
    "30 2 * * *",
    "0 0 * * *",
    "15 2 * * SUN",
    "0 3 L * *",
  ];
  const zones = ["UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"];
  // Around the changes of 2026 in all these zones, and some other days.
  const days = ["2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01", "2026-12-31"];

  test("are those that going from one to the next finds", () => {
    const moments = fc.record({
      cron: fc.constantFrom(...crons),
      timezone: fc.constantFrom(...zones),
      ms: fc.tuple(fc.constantFrom(...days), fc.integer({ min: -8 * 3_600_000, max: 20 * 3_600_000 })),
    });
    const property = fc.property(moments, ({ cron, timezone, ms: [day, offset] }) => {
      const times = parseCron({ cron, timezone });
      const now = at(`${day}T00:00:00Z`) + offset;
      const last = times.upTo(now) ?? Number.NaN;
      const next = times.after(now) ?? Number.NaN;
      expect(last).toBeLessThanOrEqual(now);
      expect(next).toBeGreaterThan(now);
      expect(show(times.after(last))).toBe(show(next));
      expect(show(times.upTo(next - 1))).toBe(show(last));
      expect(show(times.upTo(next))).toBe(show(next));
      expect(next % 1000).toBe(0);
    });
    fc.assert(property, { numRuns: 100 });
  });
});
