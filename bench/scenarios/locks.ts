import { drivers } from "../contenders/business.ts";
import { GRAPHILE_DEFAULT } from "../contenders/graphile.ts";
import { procrastinateKept } from "../contenders/procrastinate.ts";
import type { Scenario } from "../scenario.ts";
import { runDrain } from "./drain.ts";

const MEASURE = "jobs over 10 locks";

export const locksScenario: Scenario = {
  name: "locks",
  title: "Drain no-op jobs that all hold one of 10 locks (graphile-worker: 10 named queues)",
  referenceOf: () => GRAPHILE_DEFAULT,
  targets: drivers.map((driver) => ({ measure: MEASURE, contender: procrastinateKept(driver), atLeast: 5_000 })),
  run: (bench) => runDrain(bench, { measure: MEASURE, jobs: bench.options.lockedJobs, lockValues: 10 }),
};
