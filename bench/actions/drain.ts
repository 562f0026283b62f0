import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { type Payload, payloadsOf } from "../contender.ts";
import { ability, type Client, now } from "./client.ts";

export interface FillParams {
  readonly jobs: number;
  /** Spread the jobs over so many locks; 0 for none. */
  readonly lockValues?: number;
  /** Due in so many seconds. */
  readonly delaySeconds?: number;
}

const CHUNK = 10_000;

export async function fill({ session }: Client, { jobs, lockValues = 0, delaySeconds = 0 }: FillParams): Promise<void> {
  const enqueueMany = ability(session.enqueueMany, "enqueueMany").bind(session);
  const due = new Date(Date.now() + delaySeconds * 1_000);
  const options = {
    lockOf: lockValues > 0 ? ({ sequence }: Payload) => `lock-${sequence % lockValues}` : undefined,
    dueAt: delaySeconds > 0 ? () => due : undefined,
  };
  const all = payloadsOf(jobs);
  for (let at = 0; at < all.length; at += CHUNK) await enqueueMany(all.slice(at, at + CHUNK), options);
}

export interface DrainParams {
  readonly jobs: number;
  readonly limitMs: number;
  /** There are more jobs than these: the clock stops with the last of so many handlers. */
  readonly amongOthers?: boolean;
}

/**
 * Jobs finished per second, from the start of the worker (its connections are open) until the database
 * holds no unfinished job. Past the limit, the rate of what was handled by then.
 */
export async function drain({ session, url }: Client, { jobs, limitMs, amongOthers }: DrainParams): Promise<number> {
  const watcher = new pg.Client({ connectionString: url });
  await watcher.connect();
  let handled = 0;
  const { promise: allHandled, resolve } = Promise.withResolvers<void>();
  const start = now();
  const worker = await ability(session.work, "work").call(session, () => {
    handled += 1;
    if (handled === jobs) resolve();
  });
  await Promise.race([allHandled, sleep(limitMs, undefined, { ref: false })]);
  if (handled >= jobs && !amongOthers) await untilIdle(watcher, ability(session.busySql, "busySql"));
  const seconds = (now() - start) / 1_000;
  const rate = handled / seconds;
  const complete = handled >= jobs;
  await Promise.race([worker.stop(), sleep(complete ? 10_000 : 1_000)]);
  await watcher.end();
  if (complete && !amongOthers && handled > jobs) throw new Error(`${handled} runs of ${jobs} jobs`);
  return rate;
}

/** Resolves when the database holds no unfinished job; to the moment, see `now`. */
export async function finished({ session, url }: Client): Promise<number> {
  const watcher = new pg.Client({ connectionString: url });
  await watcher.connect();
  await untilIdle(watcher, ability(session.busySql, "busySql"));
  const moment = now();
  await watcher.end();
  return moment;
}

/** Asks only after the last handler has run, so that asking slows nothing but the last flush. */
async function untilIdle(watcher: pg.Client, busySql: string): Promise<void> {
  for (;;) {
    const { rows } = await watcher.query<{ busy: boolean }>(busySql);
    if (rows[0]?.busy === false) return;
    await sleep(1);
  }
}
