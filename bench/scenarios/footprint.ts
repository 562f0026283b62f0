import { drivers } from "../contenders/business.ts";
import { GRAPHILE_TUNED } from "../contenders/graphile.ts";
import { PG_BOSS_TUNED } from "../contenders/pg-boss.ts";
import { procrastinateDeleted, procrastinateKept } from "../contenders/procrastinate.ts";
import type { Measurement, Scenario } from "../scenario.ts";

const MEASURES = [
  ["WAL per job", "walBytes", "bytes"],
  ["dead rows per job", "deadRows", "rows"],
  ["commits per job", "commits", "commits"],
] as const;

export const footprintScenario: Scenario = {
  name: "footprint",
  title: "What a job costs the database, from one batch to its end in one worker process",
  referenceOf: () => GRAPHILE_TUNED,
  targets: drivers.flatMap((driver) =>
    MEASURES.flatMap(([measure]) => [
      { measure, contender: procrastinateDeleted(driver), than: { contender: GRAPHILE_TUNED }, atMost: 1 },
      { measure, contender: procrastinateKept(driver), than: { contender: PG_BOSS_TUNED }, atMost: 1 },
    ]),
  ),
  run: (bench) =>
    bench.interleave(async ({ contender, database, start }) => {
      const jobs = bench.options.jobs;
      await database.settle();
      const before = await database.activity();
      const child = await start();
      await child.call("fill", { jobs });
      await child.call("drain", { jobs, limitMs: bench.options.drainLimitMs });
      await child.stop();
      const after = await database.activity();
      return MEASURES.map(
        ([measure, field, unit]): Measurement => ({
          measure,
          contender: contender.name,
          unit,
          rounds: [(after[field] - before[field]) / jobs],
        }),
      );
    }, 1),
};
