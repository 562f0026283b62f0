import { setTimeout as sleep } from "node:timers/promises";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

/** Jobs that are hit again and again must not fail for it. */
const UNTIRING = { options: { maxRescues: 100 } };

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

async function midCompletion(stage: Stage): Promise<void> {
  await stage.crew.start(2, UNTIRING);
  stage.keepAlive(UNTIRING);
  await stage.deferring.batch("complete", 100 * stage.scale);
  await stage.deferring.batch("dieBeforeCommit", 1);
  await stage.deferring.batch("dieAfterCommit", 1);
  await stage.deferring.batch("dieBeforeCommit", 1, { lock: "a", queue: "locked" });
  await stage.deferring.batch("complete", 100 * stage.scale, { lock: "a", queue: "locked" });
}

async function prefetching(stage: Stage): Promise<void> {
  const [first] = await stage.crew.start(2);
  await stage.deferring.mixture(120 * stage.scale, {});
  await stage.untilRuns(400);
  if (first) await stage.kill(first);
}

async function repeatedly(stage: Stage): Promise<void> {
  await stage.crew.start(3, UNTIRING);
  await stage.deferring.mixture(100 * stage.scale, { ms: 10 });
  for (let round = 0; round < 4 * stage.scale; round++) {
    await sleep(300);
    const [oldest] = stage.crew.alive;
    if (oldest) await stage.kill(oldest);
    await stage.crew.startOne(UNTIRING);
  }
}

/** It has to fail in the end, and its neighbours must not. */
async function byTheJob(stage: Stage): Promise<void> {
  const twice = { options: { maxRescues: 2 } };
  // Three die of it, and one has to be there to see it.
  await stage.crew.start(4, twice);
  stage.keepAlive(twice);
  await stage.deferring.batch("die", 1);
  await stage.deferring.mixture(20 * stage.scale);
}

export const killedWorkers: readonly Scenario[] = [
  { fault: "kill -9 of an idle worker", play: idle },
  { fault: "kill -9 of a worker in the middle of handlers", play: midHandler },
  { fault: "kill -9 in the middle of a completion, before and after its commit", play: midCompletion },
  { fault: "kill -9 of a worker that fetches ahead", play: prefetching },
  { fault: "kill -9 of one worker after the other", play: repeatedly },
  { fault: "a job that kills its process every time", fullScale: 1, play: byTheJob },
];
