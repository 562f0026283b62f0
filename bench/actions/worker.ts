import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Handler, Load } from "../contender.ts";
import { ability, type Client, now } from "./client.ts";
import { failuresOf } from "./mixed-load.ts";

export interface WorkerParams {
  /** How long each handler takes; 0 for no time at all. */
  readonly handlerMs?: number;
  readonly concurrency?: number;
  /** The handlers never end. */
  readonly hang?: boolean;
  /** Notes how many handlers began, not when: a million moments would be most of the memory. */
  readonly onlyCount?: boolean;
  readonly load?: Load;
}

/** Starts a worker that notes when each handler begins; to the moment before it was started, see `now`. */
export async function startWorker(client: Client, params: WorkerParams = {}): Promise<number> {
  const { concurrency, load } = params;
  const handler = load === "mixed" ? failing(handlerOf(client, params)) : handlerOf(client, params);
  const started = now();
  client.worker = await ability(client.session.work, "work").call(client.session, handler, { concurrency, load });
  return started;
}

function handlerOf(client: Client, { handlerMs = 0, hang = false, onlyCount = false }: WorkerParams): Handler {
  return ({ sequence }) => {
    client.handled += 1;
    if (!onlyCount) client.begun.set(sequence, now());
    if (hang) return new Promise<void>(() => undefined);
    return handlerMs > 0 ? sleep(handlerMs) : undefined;
  };
}

/** Fails as the jobs of a mixed load do; what runs again after a failure is not handled once more. */
function failing(handler: Handler): Handler {
  const failed = new Set<number>();
  return async (payload) => {
    const isRetry = failed.delete(payload.sequence);
    if (!isRetry) await handler(payload);
    const failures = failuresOf(payload);
    if (failures === 0 || (isRetry && failures === 1)) return;
    if (!isRetry) failed.add(payload.sequence);
    throw new Error("a job of the mixed load failed, as it shall");
  };
}

export async function stopWorker(client: Client): Promise<void> {
  await client.worker?.stop();
  client.worker = undefined;
}

/** How many handlers began. */
export async function handled(client: Client): Promise<number> {
  return client.handled;
}

/** The moments at which handlers began, and the sequence numbers of their jobs. */
export async function begunSoFar({ begun }: Client): Promise<readonly (readonly [sequence: number, moment: number])[]> {
  return [...begun];
}

export interface RssParams {
  readonly jobs: number;
  readonly everyMs: number;
}

/** Megabytes that the process occupies, again and again until it has begun so many handlers. */
export async function sampleMemory(client: Client, { jobs, everyMs }: RssParams): Promise<readonly number[]> {
  const samples: number[] = [];
  while (client.handled < jobs) {
    samples.push(process.memoryUsage.rss() / 1e6);
    await sleep(everyMs);
  }
  return samples;
}

/** Megabytes that are left in use after a collection of all that is garbage. */
export async function liveHeap(_client: Client): Promise<number> {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return process.memoryUsage().heapUsed / 1e6;
}

/** Megabytes that the process occupies. */
export async function memory(_client: Client): Promise<number> {
  return process.memoryUsage.rss() / 1e6;
}
