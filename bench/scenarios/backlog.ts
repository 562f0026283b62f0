import { setTimeout as sleep } from "node:timers/promises";
import type { Contender } from "../contender.ts";
import { drivers } from "../contenders/business.ts";
import { procrastinateKept } from "../contenders/procrastinate.ts";
import type { Filling } from "../databases.ts";
import type { Bench, Measurement, Scenario } from "../scenario.ts";
import type { SessionProcess } from "../session-process.ts";
import { drainRate } from "./drain.ts";

const EMPTY = "nothing else";
const PENDING = "pending jobs";
const FINISHED = "finished jobs";
const SCHEDULED = "jobs scheduled ahead";
const WAITING = "jobs waiting on one lock";
const WAITING_JOBS = 20_000;
/** Long enough for the worker to give back what it had fetched after the job that hangs. */
const HOLD_MS = 2_500;

export const backlogScenario: Scenario = {
  name: "backlog",
  title: "Drain no-op jobs from a table that holds more than them",
  referenceOf: () => undefined,
  targets: drivers.flatMap((driver) =>
    [PENDING, FINISHED, SCHEDULED, WAITING].map((measure) => ({
      measure,
      contender: procrastinateKept(driver),
      than: { measure: EMPTY },
      atLeast: 0.8,
      // Their number is the target's at every size.
      ...(measure === WAITING ? { sizes: [] } : {}),
    })),
  ),
  sizes: ["backlogJobs"],
  run: (bench) =>
    bench.interleave(async (turn) => {
      const { jobs, backlogJobs } = bench.options;
      const measurements: Measurement[] = [];
      const backlogs = [
        [EMPTY, undefined],
        [PENDING, (session: SessionProcess) => session.call("fill", { jobs: backlogJobs })],
        [FINISHED, (session: SessionProcess) => fillAndDrain(session, backlogJobs)],
        [SCHEDULED, (session: SessionProcess) => session.call("fill", { jobs: backlogJobs / 10, delaySeconds: 7_200 })],
      ] as const;
      for (const [measure, fill] of backlogs) {
        const run = await turn.fresh(fill && fillingOf(bench, turn.contender, measure, fill));
        measurements.push(await drainRate(bench, turn, run, { measure, jobs, amongOthers: true }));
      }
      const run = await turn.fresh();
      const holder = await run.start();
      await holder.call("fill", { jobs: WAITING_JOBS, lockValues: 1 });
      await holder.call("startWorker", { hang: true, concurrency: 1, load: "locked" });
      await sleep(HOLD_MS);
      measurements.push(await drainRate(bench, turn, run, { measure: WAITING, jobs, amongOthers: true }));
      return measurements;
    }),
};

function fillingOf(
  bench: Bench,
  contender: Contender,
  name: string,
  fill: (session: SessionProcess) => Promise<unknown>,
): Filling {
  return {
    name,
    fill: (url) =>
      bench.withSession(contender, url, async (session) => {
        await fill(session);
      }),
  };
}

async function fillAndDrain(session: SessionProcess, jobs: number): Promise<void> {
  await session.call("fill", { jobs });
  await session.call("drain", { jobs, limitMs: 600_000 });
}
