import { bareName } from "../contenders/bare.ts";
import { drivers } from "../contenders/business.ts";
import { graphileInTransaction } from "../contenders/graphile.ts";
import { pgBossInTransaction } from "../contenders/pg-boss.ts";
import { procrastinateKept } from "../contenders/procrastinate.ts";
import type { Scenario } from "../scenario.ts";

const MEASURE = "transactions";
const CALLERS = 10;
const WARM_UP_MS = 300;

export const transactionScenario: Scenario = {
  name: "transaction",
  title: "A business row and a job in one transaction of the ORM, 10 at a time",
  // Each driver beside itself: the drivers differ more than the queues.
  referenceOf: (contender) => bareName(drivers.find((driver) => contender.endsWith(driver)) ?? "node-postgres"),
  targets: drivers.flatMap((driver) => {
    const target = (than: string, atLeast: number) => ({
      measure: MEASURE,
      contender: procrastinateKept(driver),
      than: { contender: than },
      atLeast,
    });
    return [
      target(bareName(driver), 0.75),
      target(graphileInTransaction(driver), 1.8),
      target(pgBossInTransaction(driver), 1.8),
    ];
  }),
  run: (bench) =>
    bench.interleave(async ({ contender, start }) => {
      const child = await start();
      await child.call("transactionRate", { callers: CALLERS, windowMs: WARM_UP_MS });
      const rate = await child.call("transactionRate", { callers: CALLERS, windowMs: bench.options.windowMs });
      return [{ measure: MEASURE, contender: contender.name, unit: "tx/s", rounds: [rate] }];
    }),
};
