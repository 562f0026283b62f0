import { expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { Loop } from "../../src/service.ts";

test("a loop whose steps wait for nothing leaves the process its timers", async () => {
  let steps = 0;
  const loop = new Loop({ clock: systemClock, step: async () => steps++ * 0, onError: () => 0 });
  await loop.start();
  await new Promise((resolve) => setTimeout(resolve, 5));
  await loop.stop();
  expect(steps).toBeGreaterThan(100);
});
