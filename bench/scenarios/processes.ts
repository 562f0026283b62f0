import { drivers } from "../contenders/business.ts";
import { GRAPHILE_TUNED } from "../contenders/graphile.ts";
import { procrastinateKept } from "../contenders/procrastinate.ts";
import type { Measurement, Run, Scenario } from "../scenario.ts";
import { untilBegun } from "../until-begun.ts";

const ONE = "1 process";
const FOUR = "4 processes";
const HANDLER_MS = 5;
const CONCURRENCY = 10;

export const processesScenario: Scenario = {
  name: "processes",
  title: `Drain jobs of ${HANDLER_MS} ms, ${CONCURRENCY} at a time in each process`,
  referenceOf: () => GRAPHILE_TUNED,
  targets: drivers.map((driver) => ({
    measure: FOUR,
    contender: procrastinateKept(driver),
    than: { measure: ONE },
    atLeast: 3.5,
  })),
  sizes: [],
  run: (bench) =>
    bench.interleave(async ({ contender, fresh }) => {
      const measurements: Measurement[] = [];
      for (const [measure, processes] of [[ONE, 1] as const, [FOUR, 4] as const]) {
        const jobs = bench.options.slowJobs * processes;
        const rate = await rateOf(await fresh(), processes, jobs);
        measurements.push({ measure, contender: contender.name, unit: "jobs/s", rounds: [rate], jobs });
      }
      return measurements;
    }),
};

async function rateOf({ database, start }: Run, processes: number, jobs: number): Promise<number> {
  const workers = await Promise.all(Array.from({ length: processes }, start));
  const [first] = workers;
  if (!first) throw new Error("no process");
  await first.call("fill", { jobs });
  await database.settle();
  const params = { handlerMs: HANDLER_MS, concurrency: CONCURRENCY };
  const started = await Promise.all(workers.map((worker) => worker.call("startWorker", params)));
  await untilBegun(workers, jobs);
  const end = await first.call("finished");
  return (jobs * 1_000) / (end - Math.min(...started));
}
