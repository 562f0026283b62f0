import { expect, test } from "vitest";
import { FetchRest } from "../../src/worker/fetch-rest.ts";
import { ManualClock } from "../support/manual-clock.ts";

function open() {
  const clock = new ManualClock();
  const rest = new FetchRest(clock);
  rest.fetching();
  return { clock, rest };
}

test("rests for 20 ms while lanes hold all locks", () => {
  const { clock, rest } = open();
  expect(rest.ms).toBeLessThanOrEqual(0);
  rest.tookLanes();
  clock.pass(5);
  expect(rest.ms).toBe(15);
  clock.pass(15);
  expect(rest.ms).toBe(0);
});

test("while due jobs are claimed and nothing else waits, rests until 20 ms after the last fetch", () => {
  const { clock, rest } = open();
  rest.claimed();
  expect(rest.ms).toBeLessThanOrEqual(0);
  rest.ranDry();
  for (let n = 1; n < 10; n++) {
    clock.pass(2);
    rest.claimed();
    expect(rest.ms).toBe(20 - 2 * n);
  }
  clock.pass(42);
  rest.claimed();
  expect(rest.ms).toBe(-40);
});

test("ends with news, and with the next fetch", () => {
  const { rest } = open();
  for (const end of [() => rest.news(), () => rest.fetching()]) {
    rest.fetching();
    rest.ranDry();
    rest.tookLanes();
    expect([rest.ms, rest.isDry]).toEqual([20, true]);
    end();
    expect(rest.ms).toBeLessThanOrEqual(0);
    expect(rest.isDry).toBe(false);
  }
});

test("does not rest, and knows of nothing, after news that came while the fetch was under way", () => {
  const { rest } = open();
  rest.news();
  rest.ranDry();
  rest.tookLanes();
  rest.claimed();
  expect(rest.ms).toBeLessThanOrEqual(0);
  expect(rest.isDry).toBe(false);
  rest.fetching();
  rest.ranDry();
  expect(rest.isDry).toBe(true);
});
