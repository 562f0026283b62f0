import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Clock } from "../../src/clock.ts";
import { PrefetchGauge } from "../../src/worker/prefetch-gauge.ts";

class FakeClock implements Clock {
  #now = 1000;

  now(): number {
    return this.#now;
  }

  pass(ms: number): void {
    this.#now += ms;
  }

  timer(): () => void {
    throw new Error("The gauge needs no timer.");
  }
}

interface Work {
  readonly jobsPerSecond: number;
  readonly jobMs: number;
  readonly roundTripMs: number;
}

/** Lets the gauge see some time of work at a steady rate, with a fetch every 100 ms. */
function work(gauge: PrefetchGauge, clock: FakeClock, { jobsPerSecond, jobMs, roundTripMs }: Work, seconds = 1): void {
  for (let tick = 0; tick < seconds * 10; tick++) {
    for (let job = 0; job < jobsPerSecond / 10; job++) gauge.jobEnded(jobMs);
    clock.pass(100);
    gauge.fetched(roundTripMs, 0, 0);
  }
}

function start(maxPrefetch = 500): [PrefetchGauge, FakeClock] {
  const clock = new FakeClock();
  return [new PrefetchGauge(clock, maxPrefetch), clock];
}

describe("the depth of prefetching", () => {
  test("is nothing before a job has ended", () => {
    const [gauge, clock] = start();
    expect(gauge.depth).toBe(0);
    clock.pass(100);
    gauge.fetched(5, 0, 0);
    expect(gauge.depth).toBe(0);
  });

  test("is nothing while jobs are long", () => {
    const [gauge, clock] = start();
    work(gauge, clock, { jobsPerSecond: 10, jobMs: 1000, roundTripMs: 2 });
    expect(gauge.depth).toBe(0);
  });

  test("is next to nothing after two long jobs that happened to end at once", () => {
    const [gauge, clock] = start();
    gauge.jobEnded(1000);
    gauge.jobEnded(1000);
    clock.pass(1.3);
    gauge.fetched(1, 2, 100);
    expect(gauge.depth).toBeLessThan(7);
  });

  test("is little while arguments are large, and nothing after jobs waited in vain", () => {
    const [gauge, clock] = start();
    work(gauge, clock, { jobsPerSecond: 10_000, jobMs: 0.1, roundTripMs: 5 });
    gauge.fetched(5, 2, 20 * 1024 * 1024);
    expect(gauge.depth).toBe(3);
    gauge.stalled();
    expect(gauge.depth).toBe(0);
  });

  test("covers at least what ends during one round trip while jobs are short", () => {
    const [gauge, clock] = start();
    work(gauge, clock, { jobsPerSecond: 10_000, jobMs: 0.1, roundTripMs: 5 });
    expect(gauge.depth).toBeGreaterThanOrEqual(50);
    expect(gauge.depth).toBeLessThanOrEqual(500);
  });

  test("is enough for 40 ms, however short the round trip", () => {
    const [gauge, clock] = start();
    work(gauge, clock, { jobsPerSecond: 2000, jobMs: 5, roundTripMs: 1 });
    expect(gauge.depth).toBe(80);
  });

  test("grows with the round trip", () => {
    const [near, nearClock] = start();
    const [far, farClock] = start();
    work(near, nearClock, { jobsPerSecond: 1000, jobMs: 1, roundTripMs: 1 });
    work(far, farClock, { jobsPerSecond: 1000, jobMs: 1, roundTripMs: 50 });
    expect(far.depth).toBeGreaterThan(4 * near.depth);
  });

  test("never exceeds the limit", () => {
    const [gauge, clock] = start(30);
    work(gauge, clock, { jobsPerSecond: 100_000, jobMs: 0.01, roundTripMs: 100 });
    expect(gauge.depth).toBe(30);
    const [off, offClock] = start(0);
    work(off, offClock, { jobsPerSecond: 100_000, jobMs: 0.01, roundTripMs: 100 });
    expect(off.depth).toBe(0);
  });

  test("follows a burst at once and a pause slowly", () => {
    const [gauge, clock] = start();
    work(gauge, clock, { jobsPerSecond: 10, jobMs: 100, roundTripMs: 5 });
    for (let job = 0; job < 1000; job++) gauge.jobEnded(0.1);
    clock.pass(100);
    gauge.fetched(5, 0, 0);
    const burst = gauge.depth;
    const [steady, steadyClock] = start();
    work(steady, steadyClock, { jobsPerSecond: 10_000, jobMs: 0.1, roundTripMs: 5 });
    expect(burst).toBe(steady.depth);
    clock.pass(100);
    gauge.fetched(5, 0, 0);
    expect(gauge.depth).toBeLessThan(burst);
    expect(gauge.depth).toBeGreaterThan(burst / 2);
    work(gauge, clock, { jobsPerSecond: 0, jobMs: 0, roundTripMs: 5 }, 5);
    expect(gauge.depth).toBe(0);
  });

  test("is a whole number within its limit, whatever happens and however the clock stands still", () => {
    const step = fc.record({ ended: fc.nat({ max: 50 }), jobMs: fc.double({ min: 0, max: 1e6, noNaN: true }) });
    const round = fc.record({ pass: fc.nat({ max: 1000 }), tripMs: fc.double({ min: 0, max: 1e5, noNaN: true }) });
    fc.assert(
      fc.property(fc.array(fc.tuple(step, round)), fc.nat({ max: 800 }), (rounds, maxPrefetch) => {
        const [gauge, clock] = start(maxPrefetch);
        for (const [{ ended, jobMs }, { pass, tripMs }] of rounds) {
          for (let job = 0; job < ended; job++) gauge.jobEnded(jobMs);
          clock.pass(pass);
          gauge.fetched(tripMs, 0, 0);
          for (const count of [gauge.depth, gauge.followers]) {
            expect(Number.isInteger(count) && count >= 0 && count <= maxPrefetch).toBe(true);
          }
        }
      }),
    );
  });
});

describe("the followers of a lock's head", () => {
  test("are none before the first job has shown how long they are", () => {
    const [gauge] = start();
    expect(gauge.followers).toBe(0);
  });

  test("are none while jobs are long, and many while they are short, within the limit", () => {
    const counts = [1000, 51, 50, 10, 1, 0].map((jobMs) => {
      const [gauge] = start(40);
      gauge.jobEnded(jobMs);
      return gauge.followers;
    });
    expect(counts).toEqual([0, 0, 1, 5, 40, 40]);
  });

  test("become fewer as soon as jobs become long, and more when they are short again", () => {
    const [gauge] = start();
    gauge.jobEnded(1);
    expect(gauge.followers).toBe(50);
    gauge.jobEnded(1000);
    expect(gauge.followers).toBe(0);
    for (let job = 0; job < 50; job++) gauge.jobEnded(1);
    expect(gauge.followers).toBeGreaterThan(40);
  });
});
