import type { Contender } from "../contender.ts";
import type { bareDrivers } from "../contenders/bare-connector.ts";
import { BULLMQ_DEFAULT } from "../contenders/bullmq.ts";
import { type Driver, drivers } from "../contenders/business.ts";
import { GRAPHILE_DEFAULT, GRAPHILE_TUNED } from "../contenders/graphile.ts";
import { PG_BOSS_DEFAULT } from "../contenders/pg-boss.ts";
import {
  procrastinateBare,
  procrastinateDefault,
  procrastinateDeleted,
  procrastinateKept,
} from "../contenders/procrastinate.ts";
import type { Bench, Measurement, Run, Scenario, Turn } from "../scenario.ts";

const MEASURE = "no-op jobs";
/** Enough for the JIT and the connections to be warm, in the process that is measured. */
const WARM_UP_JOBS = 3_000;
const WARM_UP_LIMIT_MS = 5_000;

export const drainScenario: Scenario = {
  name: "drain",
  title: "Drain no-op jobs, one worker process",
  referenceOf: () => GRAPHILE_TUNED,
  targets: drivers.flatMap((driver) => {
    const target = (contender: string, than: string, atLeast: number) => ({
      measure: MEASURE,
      contender,
      than: { contender: than },
      atLeast,
    });
    return [
      target(procrastinateKept(driver), GRAPHILE_TUNED, 2),
      target(procrastinateDeleted(driver), GRAPHILE_TUNED, 3),
      target(procrastinateDefault(driver), GRAPHILE_DEFAULT, 20),
      target(procrastinateDefault(driver), PG_BOSS_DEFAULT, 20),
      target(procrastinateDefault(driver), BULLMQ_DEFAULT, 20),
      target(procrastinateKept(driver), procrastinateBare(bareDriverOf(driver)), 0.85),
    ];
  }),
  sizes: ["jobs"],
  run: (bench) =>
    bench.interleave(async (turn) => [
      await drainRate(bench, turn, turn, { measure: MEASURE, jobs: bench.options.jobs }),
    ]),
};

/** Prisma's adapter stands on node-postgres. */
function bareDriverOf(driver: Driver): (typeof bareDrivers)[number] {
  return driver === "prisma" ? "node-postgres" : driver;
}

export interface DrainWork {
  readonly measure: string;
  readonly jobs: number;
  /** As of the action `fill`. */
  readonly lockValues?: number;
  /** The database holds other unfinished jobs, too. */
  readonly amongOthers?: boolean;
}

/** How many of a scenario's jobs a contender is given: one at least. */
export function shareOf({ share = 1 }: Contender, jobs: number): number {
  return Math.max(1, Math.round(jobs * share));
}

/** Fills the run's database and drains it in the same process. */
export async function drainRate(
  bench: Bench,
  { contender }: Pick<Turn, "contender">,
  { database, start }: Run,
  { measure, jobs, lockValues = 0, amongOthers = false }: DrainWork,
): Promise<Measurement> {
  const load = lockValues > 0 ? "locked" : "plain";
  const child = await start();
  const warmUp = shareOf(contender, WARM_UP_JOBS);
  await child.call("fill", { jobs: warmUp });
  await child.call("drain", { jobs: warmUp, limitMs: WARM_UP_LIMIT_MS, amongOthers });
  const given = shareOf(contender, jobs);
  await child.call("fill", { jobs: given, lockValues });
  await database.settle();
  const limitMs = bench.options.drainLimitMs;
  const drained = await child.call("drain", { jobs: given, limitMs, amongOthers, load });
  return {
    measure,
    contender: contender.name,
    unit: "jobs/s",
    rounds: [drained.rate],
    jobs: drained.jobs,
    ofJobs: jobs,
  };
}
