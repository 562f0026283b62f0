import { setTimeout as sleep } from "node:timers/promises";
import { startProxy } from "../../test/support/proxy.ts";
import { STALLED_AFTER_MS } from "../crew.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

/** Which sessions of workers, as `pg_stat_activity` tells them apart. */
const LISTENER = "query ilike 'listen%'";
const KINDS = [
  { kind: "listener", condition: LISTENER, short: 1 },
  { kind: "transaction that completes", condition: "state = 'idle in transaction'", short: 1 },
  { kind: "busy connection", condition: "state = 'active'", short: 0 },
  { kind: "idle connection", condition: `state = 'idle' and not ${LISTENER}`, short: 0 },
];

/** Every kind is hit while it is there, until that often. */
async function terminate(stage: Stage, condition: string): Promise<void> {
  await stage.crew.start(3);
  await stage.deferring.mixture(60 * stage.scale, { ms: 10 });
  const stop = stage.deferring.trickle();
  await stage.untilRuns(20);
  let ended = 0;
  await stage.until(async () => {
    ended += await stage.terminate(condition);
    await sleep(20);
    return ended >= 10 * stage.scale;
  }, `sessions were there for which ${condition}`);
  await stage.probe(Date.now());
  await stop();
}

/** Idle workers are woken by the listener alone. */
async function listenerLost(stage: Stage): Promise<void> {
  await stage.crew.start(3, { options: { pollingInterval: { seconds: 20 } } });
  await sleep(500);
  await stage.terminate(LISTENER);
  const lostAt = Date.now();
  // What is notified now is heard by nobody.
  await stage.deferring.mixture(10 * stage.scale);
  await stage.probe(lostAt);
  await sleep(1500);
  await stage.probe(Date.now());
}

/** A session that hangs in the server keeps what it had begun; everything else goes on. */
async function frozenSession(stage: Stage): Promise<void> {
  await stage.crew.start(2);
  await stage.deferring.mixture(60 * stage.scale, { ms: 10 });
  await stage.untilRuns(20);
  const chosen = `select pid from pg_stat_activity where datname = current_database() and application_name <> 'chaos'
    and state in ('active', 'idle in transaction') limit 1`;
  let pid: number | undefined;
  await stage.until(async () => {
    pid = (await stage.rows<{ pid: number }>(chosen))[0]?.pid;
    return pid !== undefined;
  }, "a session is busy");
  if (pid === undefined) return;
  process.kill(pid, "SIGSTOP");
  const sinceMs = Date.now();
  await sleep(STALLED_AFTER_MS + 1000);
  process.kill(pid, "SIGCONT");
  // If it was the heartbeat's, its worker was taken for dead.
  for (const { name } of stage.crew.alive) {
    stage.crew.casualties.push({ worker: name, sinceMs, untilMs: Date.now() + 500, endsRuns: true });
  }
  await stage.probe(Date.now());
}

/** When the operating system gives up connections that nothing comes over. Later than a worker does. */
const GIVEN_UP_MS = 12_000;

/** A firewall forgot the connections: what is sent over them is not answered any more. New ones work. */
async function halfOpen(stage: Stage): Promise<void> {
  const proxy = await startProxy(stage.url);
  stage.defer(() => proxy.close());
  const [cutOff] = await stage.crew.start(1, { url: proxy.url });
  await stage.crew.start(1);
  await stage.deferring.mixture(60 * stage.scale, { ms: 10 });
  await stage.untilRuns(50);
  const sinceMs = Date.now();
  // Handlers wait for their own statements until then; what the worker writes must not.
  const giveUp = proxy.forget();
  const timer = setTimeout(giveUp, GIVEN_UP_MS);
  stage.defer(async () => clearTimeout(timer));
  await stage.untilOver();
  if (!cutOff) return;
  stage.crew.casualties.push({ worker: cutOff.name, sinceMs, untilMs: Number.POSITIVE_INFINITY, endsRuns: true });
  await stage.kill(cutOff);
}

export const cutConnections: readonly Scenario[] = [
  ...KINDS.map(({ kind, condition, short }) => ({
    fault: `pg_terminate_backend of each ${kind}`,
    times: { short, full: 3 },
    play: (stage: Stage) => terminate(stage, condition),
  })),
  { fault: "pg_terminate_backend of everything", play: (stage) => terminate(stage, "true") },
  { fault: "the listener's connection lost while workers are idle", play: listenerLost },
  { fault: "a session stopped with SIGSTOP", play: frozenSession },
  { fault: "half-open connections of a worker", play: halfOpen },
];
