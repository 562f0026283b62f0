import { drivers } from "../contenders/business.ts";
import { GRAPHILE_TUNED } from "../contenders/graphile.ts";
import { PG_BOSS_TUNED } from "../contenders/pg-boss.ts";
import { procrastinateDeleted, procrastinateKept } from "../contenders/procrastinate.ts";
import type { Measurement, Scenario } from "../scenario.ts";

const MEASURES = [
  ["WAL per job", "walBytes", "bytes", 1],
  ["dead rows per job", "deadRows", "rows", 1],
  ["commits per 1,000 jobs", "commits", "commits", 1_000],
] as const;
/** Printed to explain the dead rows; no target names it. */
const INDEXED = ["dead rows with index entries per job", "deadIndexedRows", "rows", 1] as const;

/** All jobs have to be done, or what they cost is not known. */
const LIMIT_MS = 300_000;

export const footprintScenario: Scenario = {
  name: "footprint",
  title: "What a job costs the database, from one batch to its end in one worker process",
  referenceOf: () => GRAPHILE_TUNED,
  targets: drivers.flatMap((driver) =>
    MEASURES.flatMap(([measure]) =>
      [procrastinateDeleted(driver), procrastinateKept(driver)].flatMap((contender) =>
        [GRAPHILE_TUNED, PG_BOSS_TUNED].map((peer) => ({ measure, contender, than: { contender: peer }, below: 1 })),
      ),
    ),
  ),
  sizes: ["jobs"],
  run: (bench) =>
    bench.interleave(async ({ contender, database, start }) => {
      const jobs = bench.options.jobs;
      await database.settle();
      const before = await database.activity();
      const child = await start();
      await child.call("fill", { jobs });
      const drained = await child.call("drain", { jobs, limitMs: LIMIT_MS });
      if (drained.jobs < jobs) throw new Error(`${drained.jobs} of ${jobs} jobs were done in ${LIMIT_MS / 1_000} s`);
      await child.stop();
      const after = await database.activity();
      const caused = { ...after, commits: after.commits - drained.asked };
      return [...MEASURES, INDEXED].map(
        ([measure, field, unit, per]): Measurement => ({
          measure,
          contender: contender.name,
          unit,
          rounds: [((caused[field] - before[field]) * per) / jobs],
          jobs,
        }),
      );
    }, 1),
};
