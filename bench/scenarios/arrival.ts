import { setTimeout as sleep } from "node:timers/promises";
import { drivers } from "../contenders/business.ts";
import { procrastinateKept } from "../contenders/procrastinate.ts";
import type { Scenario } from "../scenario.ts";
import { untilBegun } from "../until-begun.ts";

const MEASURE = "slowest fetch";
const MEAN = "fetch on average";
const IDLE_MS = 3_000;

export const arrivalScenario: Scenario = {
  name: "arrival",
  title: "A worker idles on an empty table that no one analysed, then many jobs arrive in one batch",
  referenceOf: () => undefined,
  targets: drivers.map((driver) => ({ measure: MEASURE, contender: procrastinateKept(driver), atMost: 20 })),
  sizes: ["arrivalJobs"],
  run: (bench) =>
    bench.interleave(async ({ contender, database, start }) => {
      const jobs = bench.options.arrivalJobs;
      await database.trackStatements();
      const worker = await start();
      const caller = await start();
      await worker.call("startWorker");
      await sleep(IDLE_MS);
      await caller.call("batchRate", { jobs });
      await untilBegun([worker], jobs);
      await caller.call("finished");
      const { slowestClaimMs, meanClaimMs } = await database.statementTotals();
      if (slowestClaimMs === null || meanClaimMs === null)
        throw new Error("pg_stat_statements knows no claim: does statements.ts still match it?");
      return [
        { measure: MEASURE, contender: contender.name, unit: "ms", rounds: [slowestClaimMs], jobs },
        { measure: MEAN, contender: contender.name, unit: "ms", rounds: [meanClaimMs], jobs },
      ];
    }),
};
