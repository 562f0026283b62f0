import { setTimeout as sleep } from "node:timers/promises";
import { drivers } from "../contenders/business.ts";
import { GRAPHILE_TUNED } from "../contenders/graphile.ts";
import { procrastinateKept } from "../contenders/procrastinate.ts";
import type { Measurement, Scenario } from "../scenario.ts";
import { percentile } from "../statistics.ts";

const GAP = { minGapMs: 20, maxGapMs: 50 };
const WARM_UP_SAMPLES = 60;
/** Lets the worker go idle in its own time. */
const REST_MS = 300;
const PERCENTILES = { p50: 50, p95: 95, p99: 99 } as const;

export const latencyScenario: Scenario = {
  name: "latency",
  title: "Pick-up on an idle queue: from the call of defer to the start of the handler in another process",
  referenceOf: () => GRAPHILE_TUNED,
  targets: drivers.flatMap((driver) => {
    const contender = procrastinateKept(driver);
    return [
      { measure: "p50", contender, than: { contender: GRAPHILE_TUNED }, atMost: 0.8 },
      { measure: "p99", contender, than: { measure: "p50" }, atMost: 2 },
    ];
  }),
  sizes: [],
  run: async (bench) => {
    const samples = Math.max(10, Math.ceil(bench.options.samples / bench.options.rounds));
    return bench.interleave(async ({ contender, start }) => {
      const worker = await start();
      const caller = await start();
      await worker.call("startWorker");
      await sleep(REST_MS);
      await caller.call("deferSpaced", { samples: WARM_UP_SAMPLES, ...GAP });
      await worker.call("beginnings", { samples: WARM_UP_SAMPLES });
      await sleep(REST_MS);
      const called = await caller.call("deferSpaced", { samples, ...GAP });
      const begun = await worker.call("beginnings", { samples });
      const waits = begun.map((moment, sequence) => moment - (called[sequence] ?? Number.NaN));
      return Object.entries(PERCENTILES).map(
        ([measure, p]): Measurement => ({
          measure,
          contender: contender.name,
          unit: "ms",
          rounds: [percentile(waits, p)],
          jobs: samples,
        }),
      );
    });
  },
};
