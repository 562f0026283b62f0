import { GRAPHILE_TUNED } from "../contenders/graphile.ts";
import type { Measurement, Scenario } from "../scenario.ts";

const CALLERS = [1, 20, 200];
const WARM_UP_MS = 300;

export const deferScenario: Scenario = {
  name: "defer",
  title: "Defer without a transaction, nobody working",
  referenceOf: () => GRAPHILE_TUNED,
  targets: [],
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
          rounds: [rate],
        });
      }
      await child.call("batchRate", { jobs: 1_000 });
      const rate = await child.call("batchRate", { jobs: bench.options.batchJobs });
      results.push({
        measure: `one batch of ${bench.options.batchJobs}`,
        contender: contender.name,
        unit: "jobs/s",
        rounds: [rate],
      });
      return results;
    }),
};
