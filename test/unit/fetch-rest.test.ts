import { expect, test } from "vitest";
import { FetchRest } from "../../src/worker/fetch-rest.ts";
import { ManualClock } from "../support/manual-clock.ts";

function open() {
  const clock = new ManualClock();
  const rest = new FetchRest(clock);
  rest.fetching();
  return { clock, rest };
}

test("rests for as long as was said", () => {
  const { clock, rest } = open();
  expect(rest.ms).toBeLessThanOrEqual(0);
  rest.take(20);
  clock.pass(5);
  expect(rest.ms).toBe(15);
  clock.pass(15);
  expect(rest.ms).toBe(0);
});

test("while due jobs are claimed and nothing else waits, rests until 100 ms after the last fetch", () => {
  const { clock, rest } = open();
  rest.claimed();
  expect(rest.ms).toBeLessThanOrEqual(0);
  rest.ranDry();
  for (let n = 1; n < 10; n++) {
    clock.pass(10);
    rest.claimed();
    expect(rest.ms).toBe(100 - 10 * n);
  }
  clock.pass(50);
  rest.claimed();
  expect(rest.ms).toBe(-40);
});

test("ends with news, and with the next fetch", () => {
  const { rest } = open();
  for (const end of [() => rest.news(), () => rest.fetching()]) {
    rest.fetching();
    rest.ranDry();
    rest.take(20);
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
  rest.take(20);
  rest.claimed();
  expect(rest.ms).toBeLessThanOrEqual(0);
  expect(rest.isDry).toBe(false);
  rest.fetching();
  rest.ranDry();
  expect(rest.isDry).toBe(true);
});
