import { setTimeout as sleep } from "node:timers/promises";
import type { Connector, Duration, JobContext } from "procrastinate";
import type { Ledger } from "./ledger.ts";

export interface JobArgs {
  /** How long the run takes. */
  readonly ms?: number;
  /** Ballast. */
  readonly text?: string;
}

export interface Run {
  readonly args: JobArgs;
  readonly context: JobContext;
  readonly connector: Connector<object>;
  readonly ledger: Ledger;
  /** Its name in the ledger. */
  readonly name: string;
}

/** What a handler does, and what has to become of its jobs. */
export interface Behaviour {
  /** Between the two notes in the ledger. */
  run(run: Run): unknown;
  /** It writes an effect in the transaction that completes the job. */
  readonly completes?: boolean;
  /** Its jobs do not succeed, and are not retried. */
  readonly fails?: boolean;
  /** Its jobs may be cancelled or aborted. */
  readonly isSteered?: boolean;
  /** It may never come to an end. */
  readonly isEndless?: boolean;
  /** It keeps its own short notes. */
  readonly isHasty?: boolean;
  readonly timeout?: Duration;
}

/** Takes its time, until it is told to stop. */
export function work({ args: { ms = 0 }, context: { signal } }: Run): Promise<void> {
  return ms > 0 ? sleep(ms, undefined, { signal }) : Promise.resolve();
}

/** Writes the effect and completes the job, in one transaction. */
export async function complete(
  { connector, ledger, context, name }: Run,
  around: { readonly before?: () => unknown; readonly beforeCommit?: () => unknown; readonly result?: string } = {},
): Promise<void> {
  await connector.transaction(async (tx) => {
    await around.before?.();
    await ledger.effect(connector.using(tx), context.job, name);
    if (around.result === undefined) await context.complete(tx);
    else await context.complete(tx, around.result);
    await around.beforeCommit?.();
  });
}
