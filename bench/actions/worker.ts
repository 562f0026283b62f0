import { setTimeout as sleep } from "node:timers/promises";
import { ability, type Client, now } from "./client.ts";

export interface WorkerParams {
  /** How long each handler takes; 0 for no time at all. */
  readonly handlerMs?: number;
  readonly concurrency?: number;
  /** The handlers never end. */
  readonly hang?: boolean;
  /** Notes how many handlers began, not when: a million moments would be most of the memory. */
  readonly onlyCount?: boolean;
}

/** Starts a worker that notes when each handler begins; to the moment before it was started, see `now`. */
export async function startWorker(client: Client, params: WorkerParams = {}): Promise<number> {
  const { handlerMs = 0, concurrency, hang = false, onlyCount = false } = params;
  const started = now();
  client.worker = await ability(client.session.work, "work").call(
    client.session,
    ({ sequence }) => {
      client.handled += 1;
      if (!onlyCount) client.begun.set(sequence, now());
      if (hang) return new Promise<void>(() => undefined);
      return handlerMs > 0 ? sleep(handlerMs) : undefined;
    },
    concurrency,
  );
  return started;
}

export async function stopWorker(client: Client): Promise<void> {
  await client.worker?.stop();
  client.worker = undefined;
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

/** Megabytes that the process occupies. */
export async function memory(_client: Client): Promise<number> {
  return process.memoryUsage.rss() / 1e6;
}
