import { setTimeout as sleep } from "node:timers/promises";
import { type Network, startProxy } from "../../test/support/proxy.ts";
import { type Casualty, STALLED_AFTER_MS } from "../crew.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const SHORT_MS = 500;
/** Nobody may be taken for dead because the database was. */
const LONG_MS = STALLED_AFTER_MS + 1500;

/** Jobs are deferred and worked on while something happens to the database. */
async function under(stage: Stage, url: string, trouble: () => Promise<unknown>): Promise<void> {
  await stage.crew.start(3, { url });
  await stage.deferring.mixture(40 * stage.scale, { ms: 10 });
  const stop = stage.deferring.trickle();
  await stage.untilRuns(50);
  await trouble();
  await stop();
}

async function restart(stage: Stage, how: "stopFast" | "stopImmediate", awayMs: number): Promise<void> {
  await under(stage, stage.url, async () => {
    const stoppedAt = Date.now();
    await stage.server[how]();
    await sleep(awayMs);
    await stage.server.startAgain();
    if (how === "stopImmediate") stage.crew.casualties.push(forgottenClaims(stoppedAt));
    await stage.probe(Date.now());
  });
}

/**
 * Claims without a lock do not wait for their flush: a crash of Postgres takes the last of them back. What was claimed so
 * may begin when the database is back, and once more when it is claimed again. Call it when the database is back.
 */
export function forgottenClaims(crashedAtMs: number): Casualty {
  return { worker: "*", sinceMs: crashedAtMs - 1000, untilMs: Date.now() + 1000, endsRuns: false };
}

/** A network between the workers and the database. */
async function behindProxy(stage: Stage, trouble: (proxy: Network) => Promise<unknown>): Promise<void> {
  const proxy = await startProxy(stage.url);
  stage.defer(() => proxy.close());
  await under(stage, proxy.url, () => trouble(proxy));
}

async function refuse(stage: Stage, proxy: Network): Promise<void> {
  await proxy.refuse();
  await sleep(LONG_MS);
  await proxy.accept();
  await stage.probe(Date.now());
}

/** Nothing arrives, for longer than the limit, and then everything: the worker is taken for dead, and was not. */
async function freeze(stage: Stage): Promise<void> {
  const proxy = await startProxy(stage.url);
  stage.defer(() => proxy.close());
  const [frozen] = await stage.crew.start(1, { url: proxy.url });
  await stage.crew.start(1);
  await stage.deferring.mixture(60 * stage.scale, { ms: 10 });
  await stage.untilRuns(50);
  const sinceMs = Date.now();
  proxy.freeze();
  await sleep(LONG_MS);
  proxy.thaw();
  if (frozen) stage.crew.casualties.push({ worker: frozen.name, sinceMs, untilMs: Date.now() + 500, endsRuns: true });
  await stage.probe(Date.now());
}

export const lostDatabase: readonly Scenario[] = [
  { fault: "Postgres restarted fast", play: (stage) => restart(stage, "stopFast", SHORT_MS) },
  {
    fault: "Postgres restarted immediately, as in a crash",
    play: (stage) => restart(stage, "stopImmediate", SHORT_MS),
  },
  { fault: "Postgres away for longer than the stall limit", play: (stage) => restart(stage, "stopFast", LONG_MS) },
  { fault: "connections refused for a while", play: (stage) => behindProxy(stage, (proxy) => refuse(stage, proxy)) },
  { fault: "a network that is silent for longer than the stall limit", play: freeze },
];
