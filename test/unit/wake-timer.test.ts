import { expect, test } from "vitest";
import { WakeTimer } from "../../src/worker/wake-timer.ts";
import { ManualClock } from "../support/manual-clock.ts";

const HOUR = 3_600_000;

/** A timer whose job is due in so many milliseconds: whoever is called back looks, and is told how long it is until then. */
function open(dueIn: number) {
  const clock = new ManualClock();
  const calledAt: number[] = [];
  const timer = new WakeTimer(clock, () => {
    calledAt.push(clock.now());
    timer.clear();
    if (clock.now() < dueIn) timer.dueIn(dueIn - clock.now());
  });
  timer.dueIn(dueIn);
  return { clock, calledAt, timer };
}

test("a job that is due in some hours is looked up each hour, and at its time", () => {
  const { clock, calledAt } = open(2.5 * HOUR);
  for (let n = 0; n < 8; n++) clock.pass(HOUR / 2);
  expect(calledAt).toEqual([HOUR, 2 * HOUR, 2.5 * HOUR]);
});

test("of two jobs the first one counts, and none once it is seen to", () => {
  const { clock, calledAt, timer } = open(100);
  timer.dueIn(50);
  timer.dueIn(80);
  timer.dueIn(undefined);
  expect(clock.pending).toBe(1);
  clock.pass(50);
  expect(calledAt).toEqual([50]);
  timer.clear();
  clock.pass(HOUR);
  expect(calledAt).toEqual([50]);
});
