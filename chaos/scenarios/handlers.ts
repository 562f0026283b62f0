import type { WorkerOptions } from "procrastinate";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

/** To make JSON of so much, several times at once, blocks the event loop for longer than the short limit of this suite. */
const UNHURRIED = { stalledAfter: { seconds: 10 }, heartbeatInterval: { seconds: 1 } };

/** Runs jobs of a kind between others, under locks and without. */
async function among(
  stage: Stage,
  names: readonly Parameters<Stage["deferring"]["batch"]>[0][],
  count: number,
  more: WorkerOptions = {},
): Promise<void> {
  // Who gave a handler up says so at its end.
  stage.crew.mayGiveUp = true;
  const given = { options: { abandonAfter: { milliseconds: 300 }, ...more } };
  await stage.crew.start(2, given);
  for (const name of names) {
    await stage.deferring.batch(name, count);
    await stage.deferring.batch(name, 2, { lock: "a", queue: "locked" });
  }
  await stage.deferring.mixture(20 * stage.scale);
}

/** Node ends a process for a rejection that nobody handles: a crash like any other. */
async function rejectAfterEnd(stage: Stage): Promise<void> {
  await stage.crew.start(2);
  stage.keepAlive();
  await stage.deferring.batch("rejectAfterEnd", 2);
  await stage.deferring.mixture(20 * stage.scale);
}

export const handlers: readonly Scenario[] = [
  { fault: "handlers that never return", play: (stage) => among(stage, ["hang"], 10) },
  { fault: "handlers that throw null", play: (stage) => among(stage, ["throwNull"], 20) },
  { fault: "handlers that reject after they were given up", play: (stage) => among(stage, ["rejectWhenGivenUp"], 10) },
  { fault: "a promise that rejects after its job has ended", play: rejectAfterEnd },
  {
    fault: "results and errors of 10 MB",
    play: (stage) => among(stage, ["largeResult", "largeError"], 3, UNHURRIED),
  },
];
