import { setTimeout as sleep } from "node:timers/promises";
import { bareName } from "../contenders/bare.ts";
import { drivers } from "../contenders/business.ts";
import { graphileInTransaction } from "../contenders/graphile.ts";
import { pgBossInTransaction } from "../contenders/pg-boss.ts";
import { procrastinateKept } from "../contenders/procrastinate.ts";
import type { Bench, Measurement, Run, Scenario, Turn } from "../scenario.ts";
import type { SessionProcess } from "../session-process.ts";

const QUIET = "nobody listens";
const NOTIFYING = "an idle worker is notified";
const CALLERS = 10;
/** Until the code is compiled: with 300 ms, what runs more of it was measured up to a third too slow. */
const WARM_UP_MS = 1_500;
/** Until the last notification has come. */
const REST_MS = 500;

export const transactionScenario: Scenario = {
  name: "transaction",
  title: "A business row and a job in one transaction of the ORM, 10 at a time",
  // Each driver beside itself: the drivers differ more than the queues.
  referenceOf: (contender) => bareName(drivers.find((driver) => contender.endsWith(driver)) ?? "node-postgres"),
  targets: drivers.flatMap((driver) => {
    const target = (than: string, atLeast: number) => ({
      measure: NOTIFYING,
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
  sizes: [],
  run: (bench) =>
    bench.interleave(async (turn) => [
      await transactions(bench, turn, await turn.fresh(), { measure: QUIET, notifying: false }),
      await transactions(bench, turn, await turn.fresh(), { measure: NOTIFYING, notifying: true }),
    ]),
};

/** Measures one of the two forms in a run of its own. */
async function transactions(
  bench: Bench,
  { contender }: Turn,
  { start }: Run,
  { measure, notifying }: { readonly measure: string; readonly notifying: boolean },
): Promise<Measurement> {
  const listener = notifying ? await start() : undefined;
  const isListening = (await listener?.call("listenIdly")) ?? false;
  const child = await start();
  const warmUp = await child.call("transactionRate", { callers: CALLERS, windowMs: WARM_UP_MS, notifying });
  const windowMs = bench.options.windowMs;
  const rate = await child.call("transactionRate", { callers: CALLERS, windowMs, notifying });
  if (listener && isListening) await checkHeard(listener, warmUp.done + rate.done);
  return { measure, contender: contender.name, unit: "tx/s", rounds: [rate.perSecond] };
}

/** The form without notifications must not pass for the one with them. */
async function checkHeard(listener: SessionProcess, transactionsDone: number): Promise<void> {
  await sleep(REST_MS);
  const heard = await listener.call("heard");
  if (heard < transactionsDone) throw new Error(`${heard} notifications came of ${transactionsDone} transactions`);
}
