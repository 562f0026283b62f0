import { setTimeout as sleep } from "node:timers/promises";
import { drivers } from "../contenders/business.ts";
import { GRAPHILE_TUNED } from "../contenders/graphile.ts";
import { procrastinateKept } from "../contenders/procrastinate.ts";
import type { Scenario } from "../scenario.ts";

const STATEMENTS = "statements";
const GROWTH = "growth of memory";
/** Until what happens at a worker's start is over. */
const SETTLE_MS = 3_000;

export const idleScenario: Scenario = {
  name: "idle",
  title: "A worker with nothing to do",
  referenceOf: () => GRAPHILE_TUNED,
  targets: drivers.flatMap((driver) => {
    const contender = procrastinateKept(driver);
    return [
      { measure: STATEMENTS, contender, atMost: 0.5 },
      { measure: GROWTH, contender, atMost: 10 },
    ];
  }),
  sizes: ["idleMs"],
  // One round: how long it is watched counts, not how often.
  run: (bench) =>
    bench.interleave(async ({ contender, database, start }) => {
      await database.trackStatements();
      const worker = await start();
      await worker.call("startWorker");
      await sleep(SETTLE_MS);
      const before = { ...(await database.statementTotals()), memory: await worker.call("memory") };
      await sleep(bench.options.idleMs);
      const after = { ...(await database.statementTotals()), memory: await worker.call("memory") };
      const perSecond = ((after.calls - before.calls) * 1_000) / bench.options.idleMs;
      return [
        { measure: STATEMENTS, contender: contender.name, unit: "statements/s", rounds: [perSecond] },
        { measure: GROWTH, contender: contender.name, unit: "MB", rounds: [after.memory - before.memory] },
      ];
    }, 1),
};
