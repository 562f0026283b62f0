import type { Client } from "./client.ts";
import { drain, fill, finished } from "./drain.ts";
import { beginnings, deferSpaced } from "./latency.ts";
import { batchRate, deferRate, heard, listenIdly, transactionRate } from "./rate.ts";
import { deferSpread } from "./schedule.ts";
import { soak } from "./soak.ts";
import { begunSoFar, handled, liveHeap, memory, sampleMemory, startWorker, stopWorker } from "./worker.ts";

/** What a scenario can ask of a child process. */
export const actions = {
  fill,
  drain,
  finished,
  startWorker,
  stopWorker,
  begunSoFar,
  handled,
  liveHeap,
  memory,
  sampleMemory,
  soak,
  deferSpaced,
  beginnings,
  deferSpread,
  deferRate,
  batchRate,
  transactionRate,
  listenIdly,
  heard,
} satisfies Record<string, (client: Client, params: never) => Promise<unknown>>;

export type ActionName = keyof typeof actions;
/** What follows the client; empty for an action that takes no parameters. */
export type ActionParams<Name extends ActionName> =
  Parameters<(typeof actions)[Name]> extends [unknown, ...infer Rest] ? Rest : never;
export type ActionResult<Name extends ActionName> = Awaited<ReturnType<(typeof actions)[Name]>>;

export function isActionName(name: string): name is ActionName {
  return Object.hasOwn(actions, name);
}
