import { type Payload, payloadOf, payloadsOf } from "../contender.ts";
import { ability, type Client, now } from "./client.ts";

export interface RateParams {
  /** How many callers work at once, each awaiting its own call before the next one. */
  readonly callers: number;
  readonly windowMs: number;
}

export interface TransactionParams extends RateParams {
  /** As of `Session.transact`. */
  readonly notifying: boolean;
}

export interface Rate {
  readonly perSecond: number;
  /** How many calls that is of. */
  readonly done: number;
}

/** Calls of `enqueue` that were answered. */
export function deferRate({ session }: Client, params: RateParams): Promise<Rate> {
  return rate(ability(session.enqueue, "enqueue").bind(session), params);
}

/** Business transactions committed. */
export function transactionRate({ session }: Client, { notifying, ...params }: TransactionParams): Promise<Rate> {
  const transact = ability(session.transact, "transact").bind(session);
  return rate((payload) => transact(payload, notifying), params);
}

/** Listens as an idle worker would; whether the contender has workers at all. */
export async function listenIdly(client: Client): Promise<boolean> {
  client.listener = await client.session.listenIdly?.();
  return client.listener !== undefined;
}

/** How many notifications came since `listenIdly`. */
export async function heard({ listener }: Client): Promise<number> {
  return ability(listener, "listenIdly").heard();
}

/** Jobs written per second by one call with all of them. */
export async function batchRate({ session }: Client, { jobs }: { readonly jobs: number }): Promise<number> {
  const all = payloadsOf(jobs);
  const start = now();
  await ability(session.enqueueMany, "enqueueMany").call(session, all);
  return (jobs * 1_000) / (now() - start);
}

async function rate(act: (payload: Payload) => Promise<void>, { callers, windowMs }: RateParams): Promise<Rate> {
  const start = now();
  let done = 0;
  const caller = async () => {
    while (now() - start < windowMs) {
      await act(payloadOf(done));
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return { perSecond: (done * 1_000) / (now() - start), done };
}
