import { setTimeout as sleep } from "node:timers/promises";
import { STALLED_AFTER_MS } from "../crew.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

async function longHandlers(stage: Stage): Promise<void> {
  const impatient = { options: { shutdownGrace: { milliseconds: 200 }, abandonAfter: { seconds: 10 } } };
  const [first] = await stage.crew.start(2, impatient);
  // One kind heeds its signal and runs again; the other one does not, and its worker waits for it.
  await stage.deferring.batch("plain", 16 * stage.scale, { args: { ms: 700 } });
  await stage.deferring.batch("deaf", 4 * stage.scale, { args: { ms: 700 } });
  await stage.deferring.mixture(20 * stage.scale);
  await stage.untilRuns(16);
  if (first) await stage.crew.stop(first);
}

async function many(stage: Stage, count: number): Promise<void> {
  await stage.deferring.mixture(100 * stage.scale, { ms: 10 });
  const comeAndGo = async (): Promise<void> => {
    const member = await stage.crew.startOne({ max: 8, options: { maxRescues: 100 } });
    await sleep(200);
    await stage.crew.stop(member);
  };
  const next = Array.from({ length: count }, (_, n) => n).values();
  const shift = async (): Promise<void> => {
    for (const _ of next) await comeAndGo();
  };
  await Promise.all([shift(), shift(), shift(), shift()]);
  await stage.crew.start(2);
}

/** What blocks is taken for dead; what it held runs elsewhere, and it must not touch that when it is back. */
async function blocked(stage: Stage): Promise<void> {
  const blockMs = STALLED_AFTER_MS + 1000;
  await stage.crew.start(2);
  await stage.deferring.mixture(40 * stage.scale, { ms: 10 });
  await stage.deferring.batch("block", 1, { args: { ms: blockMs }, priority: 1 });
  await stage.deferring.batch("complete", 20, { lock: "b", queue: "locked", args: { ms: 10 } });
  const began = `select worker, (extract(epoch from started_at) * 1000)::float8 as at from chaos_runs r
    join chaos_deferred d using (job_id) where d.behaviour = 'block' order by started_at limit 1`;
  await stage.until(async () => (await stage.rows(began)).length > 0, "the event loop is blocked");
  const [run] = await stage.rows<{ worker: string; at: number }>(began);
  if (!run) return;
  const { worker, at } = run;
  // A moment passes until it knows what it lost.
  stage.crew.casualties.push({ worker, sinceMs: at, untilMs: at + blockMs + 500, endsRuns: true });
}

async function wrongClock(stage: Stage): Promise<void> {
  const hourMs = 3_600_000;
  const [ahead] = await stage.crew.start(1, { clockOffMs: hourMs });
  await stage.crew.start(1, { clockOffMs: -hourMs });
  await stage.crew.start(1);
  await stage.deferring.batch("plain", 100, { scheduleIn: { seconds: 1 } });
  await stage.deferring.batch("complete", 100, { scheduleIn: { milliseconds: 500 }, lock: "a", queue: "locked" });
  await stage.deferring.mixture(20 * stage.scale, { ms: 20 });
  await stage.untilRuns(30);
  if (ahead) await stage.kill(ahead);
}

export const stoppedWorkers: readonly Scenario[] = [
  { fault: "SIGTERM while handlers run for long", play: longHandlers },
  { fault: "12 workers starting and stopping", times: { short: 1, full: 0 }, play: (stage) => many(stage, 12) },
  { fault: "100 workers starting and stopping", times: { short: 0, full: 1 }, play: (stage) => many(stage, 100) },
  { fault: "an event loop blocked for longer than the stall limit", play: blocked },
  { fault: "clocks of workers an hour ahead and behind", play: wrongClock },
];
