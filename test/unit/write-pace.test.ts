import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { WritePace } from "../../src/worker/write-pace.ts";
import { ManualClock } from "../support/manual-clock.ts";

/** Asks for a turn, and tells whether it has come. */
function turn(pace: WritePace, isUrgent = false): () => Promise<boolean> {
  let isOver = false;
  void pace.turn(isUrgent).then(() => (isOver = true));
  return async () => {
    await nextTurn();
    // The end of a pause was heard of in that turn.
    await nextTurn();
    return isOver;
  };
}

test("the next write waits some milliseconds after the last one, unless it is or becomes urgent", async () => {
  const clock = new ManualClock();
  const pace = new WritePace(clock);
  expect(await turn(pace)()).toBe(true);
  const second = turn(pace);
  clock.pass(9.9);
  expect(await second()).toBe(false);
  clock.pass(0.1);
  expect(await second()).toBe(true);
  expect(await turn(pace, true)()).toBe(true);
  const hurried = turn(pace);
  expect(await hurried()).toBe(false);
  pace.hurry();
  expect(await hurried()).toBe(true);
  clock.pass(1000);
  expect(await turn(pace)()).toBe(true);
});
