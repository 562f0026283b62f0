import { type Payload, payloadOf, payloadsOf } from "../contender.ts";
import { ability, type Client, now } from "./client.ts";

export interface RateParams {
  /** How many callers work at once, each awaiting its own call before the next one. */
  readonly callers: number;
  readonly windowMs: number;
}

/** Calls of `enqueue` that were answered, per second. */
export function deferRate({ session }: Client, params: RateParams): Promise<number> {
  return rate(ability(session.enqueue, "enqueue").bind(session), params);
}

/** Business transactions committed per second. */
export function transactionRate({ session }: Client, params: RateParams): Promise<number> {
  return rate(ability(session.transact, "transact").bind(session), params);
}

/** Jobs written per second by one call with all of them. */
export async function batchRate({ session }: Client, { jobs }: { readonly jobs: number }): Promise<number> {
  const all = payloadsOf(jobs);
  const start = now();
  await ability(session.enqueueMany, "enqueueMany").call(session, all);
  return (jobs * 1_000) / (now() - start);
}

async function rate(act: (payload: Payload) => Promise<void>, { callers, windowMs }: RateParams): Promise<number> {
  const start = now();
  let done = 0;
  const caller = async () => {
    while (now() - start < windowMs) {
      await act(payloadOf(done));
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return (done * 1_000) / (now() - start);
}
