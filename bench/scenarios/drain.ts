import { drivers } from "../contenders/business.ts";
import { GRAPHILE_TUNED } from "../contenders/graphile.ts";
import { procrastinateDeleted, procrastinateKept } from "../contenders/procrastinate.ts";
import type { Bench, Measurement, Scenario } from "../scenario.ts";

const MEASURE = "no-op jobs";
/** Enough for the JIT and the connections to be warm, in the process that is measured. */
const WARM_UP_JOBS = 3_000;
const WARM_UP_LIMIT_MS = 5_000;

export const drainScenario: Scenario = {
  name: "drain",
  title: "Drain no-op jobs, one worker process",
  referenceOf: () => GRAPHILE_TUNED,
  targets: drivers.flatMap((driver) => [
    { measure: MEASURE, contender: procrastinateKept(driver), than: GRAPHILE_TUNED, atLeast: 1.5 },
    { measure: MEASURE, contender: procrastinateDeleted(driver), than: GRAPHILE_TUNED, atLeast: 2 },
  ]),
  run: (bench) => runDrain(bench, { measure: MEASURE, jobs: bench.options.jobs, lockValues: 0 }),
};

export async function runDrain(
  bench: Bench,
  work: { readonly measure: string; readonly jobs: number; readonly lockValues: number },
): Promise<readonly Measurement[]> {
  return bench.interleave(async ({ contender, database, start }) => {
    const jobs = Math.round(work.jobs * (contender.share ?? 1));
    const child = await start();
    const warmUp = Math.round(WARM_UP_JOBS * (contender.share ?? 1));
    await child.call("fill", { jobs: warmUp, lockValues: 0 });
    await child.call("drain", { jobs: warmUp, limitMs: WARM_UP_LIMIT_MS });
    await child.call("fill", { jobs, lockValues: work.lockValues });
    await database.settle();
    const rate = await child.call("drain", { jobs, limitMs: bench.options.drainLimitMs });
    return [{ measure: work.measure, contender: contender.name, unit: "jobs/s", rounds: [rate] }];
  });
}
