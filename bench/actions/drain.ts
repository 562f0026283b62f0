import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { type Load, type Payload, payloadsOf, type Session } from "../contender.ts";
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
  readonly load?: Load;
}

export interface Drained {
  /** Jobs per second. */
  readonly rate: number;
  /** How many jobs that is of. */
  readonly jobs: number;
  /** How often the database was asked whether it is over: a commit each. */
  readonly asked: number;
}

/**
 * Jobs finished per second, from the start of the worker (its connections are open) until the database
 * holds no unfinished job. Past the limit, the rate of what was handled by then.
 */
export async function drain({ session, url }: Client, params: DrainParams): Promise<Drained> {
  const { jobs, limitMs, amongOthers, load } = params;
  const watcher = await openWatcher(session, url);
  let handled = 0;
  const { promise: allHandled, resolve } = Promise.withResolvers<void>();
  const start = now();
  const worker = await ability(session.work, "work").call(
    session,
    () => {
      handled += 1;
      if (handled === jobs) resolve();
    },
    { load },
  );
  await Promise.race([allHandled, sleep(limitMs, undefined, { ref: false })]);
  const asked = handled >= jobs && !amongOthers ? await untilIdle(watcher) : 0;
  const seconds = (now() - start) / 1_000;
  const drained = { rate: handled / seconds, jobs: Math.min(handled, jobs), asked };
  const complete = handled >= jobs;
  await Promise.race([worker.stop(), sleep(complete ? 10_000 : 1_000)]);
  await watcher.close();
  if (complete && !amongOthers && handled > jobs) throw new Error(`${handled} runs of ${jobs} jobs`);
  return drained;
}

/**
 * Resolves when the database holds no unfinished job; to the moment, see `now`. Call it when all handlers have begun, see
 * `untilBegun`: each question reads all that is finished.
 */
export async function finished({ session, url }: Client): Promise<number> {
  const watcher = await openWatcher(session, url);
  await untilIdle(watcher);
  const moment = now();
  await watcher.close();
  return moment;
}

interface Watcher {
  isBusy(): Promise<boolean>;
  close(): Promise<void>;
}

/** On a connection of its own, opened before the clock starts. */
async function openWatcher(session: Session, url: string): Promise<Watcher> {
  if (session.isBusy) return { isBusy: session.isBusy.bind(session), close: async () => undefined };
  const busySql = ability(session.busySql, "busySql");
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return {
    isBusy: async () => (await client.query<{ busy: boolean }>(busySql)).rows[0]?.busy !== false,
    close: () => client.end(),
  };
}

/** Asks only after the last handler has run, so that asking slows nothing but the last flush. Says how often it did. */
async function untilIdle(watcher: Watcher): Promise<number> {
  for (let asked = 1; ; asked++) {
    if (!(await watcher.isBusy())) return asked;
    await sleep(1);
  }
}
