import { drivers } from "../contenders/business.ts";
import { GRAPHILE_TUNED } from "../contenders/graphile.ts";
import { procrastinateKept } from "../contenders/procrastinate.ts";
import type { Measurement, Scenario } from "../scenario.ts";

const CALLERS = [1, 20, 200];
const BATCH = "one batch";
const TARGETS = [
  ["1 caller", 1.8],
  ["20 callers", 15],
  ["200 callers", 50],
  [BATCH, 2.5],
] as const;
/** Until the code is compiled. */
const WARM_UP_MS = 1_000;

export const deferScenario: Scenario = {
  name: "defer",
  title: "Defer without a transaction, nobody working; each caller awaits its jobs one by one",
  referenceOf: () => GRAPHILE_TUNED,
  targets: drivers.flatMap((driver) =>
    TARGETS.map(([measure, atLeast]) => ({
      measure,
      contender: procrastinateKept(driver),
      than: { contender: GRAPHILE_TUNED },
      atLeast,
      sizes: measure === BATCH ? ["batchJobs"] : [],
    })),
  ),
  sizes: [],
  run: (bench) =>
    bench.interleave(async ({ contender, start }) => {
      const child = await start();
      const results: Measurement[] = [];
      for (const callers of CALLERS) {
        await child.call("deferRate", { callers, windowMs: WARM_UP_MS });
        const rate = await child.call("deferRate", { callers, windowMs: bench.options.windowMs });
        results.push({
          measure: callers === 1 ? "1 caller" : `${callers} callers`,
          contender: contender.name,
          unit: "jobs/s",
          rounds: [rate.perSecond],
          jobs: rate.done,
        });
      }
      const jobs = bench.options.batchJobs;
      await child.call("batchRate", { jobs: Math.min(1_000, jobs) });
      const rate = await child.call("batchRate", { jobs });
      results.push({
        measure: BATCH,
        contender: contender.name,
        unit: "jobs/s",
        rounds: [rate],
        jobs,
      });
      return results;
    }),
};
