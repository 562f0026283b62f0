import { payloadsOf } from "../contender.ts";
import { ability, type Client, now } from "./client.ts";

export interface SpreadParams {
  readonly jobs: number;
  /** How long from now the first one is due, and how long after it the last one. */
  readonly leadMs: number;
  readonly spreadMs: number;
}

/** Defers jobs that become due one after the other; the moments at which they do, by sequence number; see `now`. */
export async function deferSpread({ session }: Client, params: SpreadParams): Promise<readonly number[]> {
  const { jobs, leadMs, spreadMs } = params;
  const clock = readBothClocks();
  // Whole milliseconds: a Date has no others.
  const due = Array.from({ length: jobs }, (_, sequence) =>
    Math.round(clock.wall + leadMs + (sequence * spreadMs) / jobs),
  );
  const dueAt = ({ sequence }: { readonly sequence: number }) => new Date(due[sequence] ?? Number.NaN);
  await ability(session.enqueueMany, "enqueueMany").call(session, payloadsOf(jobs), { dueAt });
  return due.map((wall) => wall - clock.wall + clock.monotonic);
}

/** The moment at which the wall clock turns to its next millisecond, on both clocks. */
function readBothClocks(): { readonly wall: number; readonly monotonic: number } {
  const before = Date.now();
  let wall = before;
  while (wall === before) wall = Date.now();
  return { wall, monotonic: now() };
}
