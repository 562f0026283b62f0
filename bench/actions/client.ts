import type { IdleListener, RunningWorker, Session } from "../contender.ts";

/** What the actions of one child process share. */
export interface Client {
  readonly session: Session;
  readonly url: string;
  worker?: RunningWorker | undefined;
  listener?: IdleListener | undefined;
  /** How many handlers began. */
  handled: number;
  /** How many jobs were deferred to keep it working. */
  deferred: number;
  /** When the handler of each job began, by the job's sequence number; see `now`. */
  readonly begun: Map<number, number>;
}

/** Milliseconds on CLOCK_MONOTONIC, which all processes of the machine share. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** The scenario only calls what the contender says it takes part in, so a missing ability is a bug of the contender's file. */
export function ability<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`this contender's session has no ${name}`);
  return value;
}
