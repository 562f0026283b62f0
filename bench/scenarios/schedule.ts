import { setTimeout as sleep } from "node:timers/promises";
import { drivers } from "../contenders/business.ts";
import { GRAPHILE_TUNED } from "../contenders/graphile.ts";
import { procrastinateKept } from "../contenders/procrastinate.ts";
import type { Measurement, Scenario } from "../scenario.ts";
import type { SessionProcess } from "../session-process.ts";
import { percentile } from "../statistics.ts";

const JOBS = 6_000;
const LEAD_MS = 2_000;
const SPREAD_MS = 3_000;
/** For peers that look only every few seconds. */
const PATIENCE_MS = 10_000;
const PERCENTILES = [
  ["earliest", 0],
  ["p50", 50],
  ["p99", 99],
] as const;

export const scheduleScenario: Scenario = {
  name: "schedule",
  title: `${JOBS} jobs scheduled over ${SPREAD_MS / 1_000} s, two worker processes: how late their handlers begin`,
  referenceOf: () => GRAPHILE_TUNED,
  targets: drivers.flatMap((driver) => {
    const contender = procrastinateKept(driver);
    return [
      { measure: "earliest", contender, atLeast: 0 },
      { measure: "p50", contender, atMost: 5 },
      { measure: "p99", contender, atMost: 50 },
    ];
  }),
  sizes: [],
  run: (bench) =>
    bench.interleave(async ({ contender, start }) => {
      const [caller, ...workers] = [await start(), await start(), await start()];
      for (const worker of workers) await worker.call("startWorker");
      const due = await caller.call("deferSpread", { jobs: JOBS, leadMs: LEAD_MS, spreadMs: SPREAD_MS });
      await sleep(LEAD_MS + SPREAD_MS);
      const delays = (await allBegun(workers)).map(([sequence, moment]) => moment - (due[sequence] ?? Number.NaN));
      return PERCENTILES.map(
        ([measure, p]): Measurement => ({
          measure,
          contender: contender.name,
          unit: "ms",
          rounds: [percentile(delays, p)],
          jobs: JOBS,
        }),
      );
    }),
};

async function allBegun(workers: readonly SessionProcess[]): Promise<readonly (readonly [number, number])[]> {
  for (let waited = 0; ; waited += 100) {
    const begun = (await Promise.all(workers.map((worker) => worker.call("begunSoFar")))).flat();
    if (begun.length === JOBS) return begun;
    if (waited > PATIENCE_MS) throw new Error(`${begun.length} of ${JOBS} scheduled jobs began`);
    await sleep(100);
  }
}
