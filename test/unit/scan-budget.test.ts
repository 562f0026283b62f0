import { describe, expect, test } from "vitest";
import type { Clock } from "../../src/clock.ts";
import { ScanBudget } from "../../src/worker/scan-budget.ts";

class TestClock implements Clock {
  #now = 0;
  now(): number {
    return this.#now;
  }
  timer(): () => void {
    return () => undefined;
  }
  advance(ms: number): void {
    this.#now += ms;
  }
}

function budget(maySkip = true): { clock: TestClock; budget: ScanBudget } {
  const clock = new TestClock();
  return { clock, budget: new ScanBudget(clock, maySkip) };
}

describe("a budget of scans", () => {
  test("lets scans that are quick follow each other", () => {
    const { budget: scans } = budget();
    expect(scans.isDue).toBe(true);
    for (const slowMs of [-10, 0, -1]) {
      scans.scanned(slowMs);
      expect(scans.isDue).toBe(true);
    }
  });

  test("does not mind a single slow one", () => {
    const { budget: scans } = budget();
    for (const slowMs of [500, -1, 500, -1]) {
      scans.scanned(slowMs);
      expect(scans.isDue).toBe(true);
    }
  });

  test("gives slow ones a twentieth of the time", () => {
    const { budget: scans, clock } = budget();
    scans.scanned(100);
    scans.scanned(120);
    expect(scans.restMs).toBe(1_900);
    clock.advance(1_899);
    expect(scans.isDue).toBe(false);
    clock.advance(1);
    expect(scans.isDue).toBe(true);
  });

  test("never rests for more than ten seconds, or twice as long as it took", () => {
    const { budget: scans } = budget();
    for (const [slowMs, restMs] of [
      [500, 0],
      [1_000, 9_500],
      [1_000, 10_000],
      [60_000, 10_000],
      [60_000, 120_000],
    ] as const) {
      scans.scanned(slowMs);
      expect(scans.restMs).toBe(restMs);
    }
  });

  test("knows whether the next one will be slow", () => {
    const { budget: scans, clock } = budget();
    expect(scans.isSlow).toBe(false);
    scans.scanned(100);
    expect(scans.isSlow).toBe(false);
    scans.scanned(100);
    expect(scans.isSlow).toBe(true);
    clock.advance(1_900);
    expect([scans.isDue, scans.isSlow]).toEqual([true, true]);
    scans.scanned(0);
    expect(scans.isSlow).toBe(false);
  });

  test("is over with the first quick one", () => {
    const { budget: scans, clock } = budget();
    scans.scanned(100);
    scans.scanned(100);
    clock.advance(1_900);
    scans.scanned(-5);
    expect(scans.isDue).toBe(true);
  });

  test("skips nothing where it may not", () => {
    const { budget: scans } = budget(false);
    scans.scanned(60_000);
    scans.scanned(60_000);
    expect([scans.isDue, scans.isSlow]).toEqual([true, false]);
  });
});
