import { setTimeout as sleep } from "node:timers/promises";
import { payloadOf } from "../contender.ts";
import { ability, type Client, now } from "./client.ts";

export interface SampleParams {
  readonly samples: number;
  readonly minGapMs: number;
  readonly maxGapMs: number;
}

/** Defers one job after another onto an idle queue; the moments of the calls, by sequence number. */
export async function deferSpaced({ session }: Client, params: SampleParams): Promise<readonly number[]> {
  const enqueue = ability(session.enqueue, "enqueue").bind(session);
  const calls: number[] = [];
  for (let sequence = 0; sequence < params.samples; sequence++) {
    const payload = payloadOf(sequence);
    calls.push(now());
    await enqueue(payload);
    await sleep(params.minGapMs + Math.random() * (params.maxGapMs - params.minGapMs));
  }
  return calls;
}

/** The moments at which the handlers began, by sequence number. */
export async function beginnings(
  { begun }: Client,
  { samples }: { readonly samples: number },
): Promise<readonly number[]> {
  const deadline = now() + 5_000;
  while (begun.size < samples) {
    if (now() > deadline) throw new Error(`${samples - begun.size} of ${samples} jobs were not picked up within 5 s`);
    await sleep(5);
  }
  const moments = Array.from({ length: samples }, (_, sequence) => begun.get(sequence) ?? Number.NaN);
  begun.clear();
  return moments;
}
