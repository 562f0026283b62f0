import { setTimeout as sleep } from "node:timers/promises";
import { payloadOf } from "../contender.ts";
import { ability, type Client, now } from "./client.ts";
import { byKind } from "./mixed-load.ts";

export interface SoakParams {
  /** The next jobs are deferred as soon as fewer than this wait. */
  readonly pending: number;
  /** How many are deferred per second at most; half a second's at once. */
  readonly rate: number;
  readonly windowMs: number;
}

const MAX_BATCH = 1_000;

/** Keeps the worker of this process in jobs of all kinds for a while; how many it began per second. */
export async function soak(client: Client, { pending, rate, windowMs }: SoakParams): Promise<number> {
  const enqueueMany = ability(client.session.enqueueMany, "enqueueMany").bind(client.session);
  // With full batches a low rate would be that of one batch per window.
  const size = Math.min(MAX_BATCH, Math.ceil(rate / 2));
  const [begun, deferred, start] = [client.handled, client.deferred, now()];
  while (now() - start < windowMs) {
    const isAhead = client.deferred - deferred >= (rate * (now() - start)) / 1_000;
    if (isAhead || client.deferred - client.handled >= pending) {
      await sleep(2);
      continue;
    }
    const batch = Array.from({ length: size }, () => payloadOf(client.deferred++));
    for (const [payloads, options] of byKind(batch)) await enqueueMany(payloads, options);
  }
  return ((client.handled - begun) * 1_000) / (now() - start);
}
