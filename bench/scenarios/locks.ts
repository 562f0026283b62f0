import { drivers } from "../contenders/business.ts";
import { GRAPHILE_TUNED } from "../contenders/graphile.ts";
import { isOwn, procrastinateKept } from "../contenders/procrastinate.ts";
import type { Measurement, Scenario } from "../scenario.ts";
import { drainRate } from "./drain.ts";

const UNLOCKED = "no locks";
const FEW = "10 locks";
/** Measure, how many locks the jobs are spread over, and the least part of the unlocked rate. */
const LOCKED = [
  ["a lock for each job", Number.POSITIVE_INFINITY, 0.6],
  ["1,000 locks", 1_000, 0.6],
  [FEW, 10, 0.35],
  ["1 lock", 1, 0.35],
] as const;

export const locksScenario: Scenario = {
  name: "locks",
  title: "Drain no-op jobs that all hold a lock (graphile-worker: a named queue; pg-boss: a key_strict_fifo queue)",
  referenceOf: () => GRAPHILE_TUNED,
  targets: drivers.flatMap((driver) => [
    ...LOCKED.map(([measure, , atLeast]) => ({
      measure,
      contender: procrastinateKept(driver),
      than: { measure: UNLOCKED },
      atLeast,
    })),
    { measure: FEW, contender: procrastinateKept(driver), atLeast: 5_000 },
  ]),
  sizes: ["lockedJobs"],
  run: (bench) =>
    bench.interleave(async (turn) => {
      const jobs = bench.options.lockedJobs;
      const measurements: Measurement[] = [];
      for (const [measure, locks] of [[UNLOCKED, 0] as const, ...LOCKED]) {
        if (measure !== FEW && !isOwn(turn.contender)) continue;
        const lockValues = Math.min(locks, jobs);
        measurements.push(await drainRate(bench, turn, await turn.fresh(), { measure, jobs, lockValues }));
      }
      return measurements;
    }),
};
