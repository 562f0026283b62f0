import { setTimeout as sleep } from "node:timers/promises";
import { type AnyTask, type Connector, defineTask, type JobContext, retryStrategy } from "procrastinate";
import type { Ledger } from "./ledger.ts";

export interface JobArgs {
  /** How long the run takes. */
  readonly ms?: number;
}

interface Run {
  readonly args: JobArgs;
  readonly context: JobContext;
  readonly connector: Connector<object>;
  readonly ledger: Ledger;
  /** Its name in the ledger. */
  readonly name: string;
}

/** What a handler does between its two notes in the ledger. Its name is the name of the task. */
type Behave = (run: Run) => unknown;

async function completeInTransaction({ args, context, connector, ledger, name }: Run): Promise<void> {
  await work(args, context);
  await connector.transaction(async (tx) => {
    await ledger.effect(connector.using(tx), context.job, name);
    await context.complete(tx);
  });
}

const work = ({ ms = 0 }: JobArgs, { signal }: JobContext): Promise<void> =>
  ms > 0 ? sleep(ms, undefined, { signal }) : Promise.resolve();

const BEHAVIOURS = {
  plain: ({ args, context }) => work(args, context),
  complete: completeInTransaction,
} as const satisfies Readonly<Record<string, Behave>>;

export type Behaviour = keyof typeof BEHAVIOURS;

const contract = (name: Behaviour) => defineTask<JobArgs>({ name });

/** The same tasks without handlers, for who only defers. */
export const CONTRACTS = Object.fromEntries(
  (Object.keys(BEHAVIOURS) as Behaviour[]).map((name) => [name, contract(name)]),
) as Readonly<Record<Behaviour, ReturnType<typeof contract>>>;

/** The tasks as a worker process runs them. */
export function tasksOf(connector: Connector<object>, ledger: Ledger): AnyTask[] {
  // Connections that are cut cost runs.
  const retry = retryStrategy({ maxAttempts: 100, wait: { milliseconds: 20 }, linearWait: { milliseconds: 50 } });
  return Object.entries<Behave>(BEHAVIOURS).map(([name, behave]) =>
    defineTask({
      name,
      retry,
      run: async (args: JobArgs, context) => {
        const run = await ledger.begin(context.job);
        try {
          return await behave({ args, context, connector, ledger, name: run });
        } finally {
          await ledger.end(run);
        }
      },
    }),
  );
}
