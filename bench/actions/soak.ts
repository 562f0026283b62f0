import { setTimeout as sleep } from "node:timers/promises";
import { type Payload, payloadOf } from "../contender.ts";
import { ability, type Client, now } from "./client.ts";

export interface SoakParams {
  /** The next jobs are deferred as soon as fewer than this wait. */
  readonly pending: number;
  readonly windowMs: number;
}

/** Of each hundred jobs so many have one of LOCKS locks, and as many are due a second later. */
const SPECIAL = 10;
const LOCKS = 100;
const BATCH = 1_000;

/** Keeps the worker of this process in jobs of all kinds for a while; how many it began per second. */
export async function soak(client: Client, { pending, windowMs }: SoakParams): Promise<number> {
  const enqueueMany = ability(client.session.enqueueMany, "enqueueMany").bind(client.session);
  const [begun, start] = [client.handled, now()];
  while (now() - start < windowMs) {
    if (client.deferred - client.handled >= pending) {
      await sleep(2);
      continue;
    }
    const batch = Array.from({ length: BATCH }, () => payloadOf(client.deferred++));
    const kind = ({ sequence }: Payload) => Math.floor((sequence % 100) / SPECIAL);
    const due = new Date(Date.now() + 1_000);
    await enqueueMany(batch.filter((payload) => kind(payload) > 1));
    await enqueueMany(
      batch.filter((payload) => kind(payload) === 1),
      { lockOf: ({ sequence }) => `lock-${Math.floor(sequence / 100) % LOCKS}` },
    );
    await enqueueMany(
      batch.filter((payload) => kind(payload) === 0),
      { dueAt: () => due },
    );
  }
  return ((client.handled - begun) * 1_000) / (now() - start);
}
