import { bareName } from "../contenders/bare.ts";
import { drivers } from "../contenders/business.ts";
import type { Scenario } from "../scenario.ts";

const CALLERS = 10;
const WARM_UP_MS = 300;

export const transactionScenario: Scenario = {
  name: "transaction",
  title: "A business row and a job in one drizzle transaction, 10 at a time",
  // Each driver beside itself: the drivers differ more than the queues.
  referenceOf: (contender) => bareName(drivers.find((driver) => contender.endsWith(driver)) ?? "node-postgres"),
  targets: [],
  run: (bench) =>
    bench.interleave(async ({ contender, start }) => {
      const child = await start();
      await child.call("transactionRate", { callers: CALLERS, windowMs: WARM_UP_MS });
      const rate = await child.call("transactionRate", { callers: CALLERS, windowMs: bench.options.windowMs });
      return [{ measure: "transactions", contender: contender.name, unit: "tx/s", rounds: [rate] }];
    }),
};
