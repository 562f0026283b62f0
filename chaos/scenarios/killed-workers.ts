import { setTimeout as sleep } from "node:timers/promises";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

async function idle(stage: Stage): Promise<void> {
  const [first] = await stage.crew.start(2);
  await sleep(300);
  if (first) await stage.kill(first);
  // Nobody may wait for the dead one.
  await stage.probe(Date.now());
  await stage.deferring.mixture(20 * stage.scale);
}

async function midHandler(stage: Stage): Promise<void> {
  const [first] = await stage.crew.start(2);
  await stage.deferring.mixture(20 * stage.scale, { ms: 100 });
  await stage.untilRuns(30);
  if (first) await stage.kill(first);
}

async function prefetching(stage: Stage): Promise<void> {
  const [first] = await stage.crew.start(2);
  await stage.deferring.mixture(120 * stage.scale, {});
  await stage.untilRuns(400);
  if (first) await stage.kill(first);
}

export const killedWorkers: readonly Scenario[] = [
  { fault: "kill -9 of an idle worker", play: idle },
  { fault: "kill -9 of a worker in the middle of handlers", play: midHandler },
  { fault: "kill -9 of a worker that fetches ahead", play: prefetching },
];
