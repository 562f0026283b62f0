import { type AnyTask, type Connector, defineTask, type JobContext, periodic, retryStrategy } from "procrastinate";
import { type Behaviour, complete, type JobArgs, work } from "./behaviour.ts";
import type { Ledger } from "./ledger.ts";
import { MISBEHAVIOURS } from "./misbehaviours.ts";

/** What the handlers do. The name of one is the name of its task. */
const BEHAVIOURS = {
  plain: { run: work },
  complete: { completes: true, run: (run) => work(run).then(() => complete(run)) },
  steered: { isSteered: true, run: work },
  hasty: { isHasty: true, run: () => undefined },
  ...MISBEHAVIOURS,
} as const satisfies Readonly<Record<string, Behaviour>>;

export type BehaviourName = keyof typeof BEHAVIOURS;

const NAMES = Object.keys(BEHAVIOURS) as BehaviourName[];
const ENTRIES = Object.entries<Behaviour>(BEHAVIOURS);

const contract = (name: BehaviourName) => defineTask<JobArgs>({ name });

/** The same tasks without handlers, for who only defers. */
export const CONTRACTS = Object.fromEntries(NAMES.map((name) => [name, contract(name)])) as Readonly<
  Record<BehaviourName, ReturnType<typeof contract>>
>;

/** The names of the behaviours of which something is so. */
export function behavioursThat(is: "completes" | "fails" | "isEndless" | "isSteered"): string[] {
  return ENTRIES.filter(([, behaviour]) => behaviour[is]).map(([name]) => name);
}

const tick = defineTask({ name: "tick", run: (_args: { readonly at: number }) => undefined });

/** Each second, whatever happens. Its jobs are not in the ledger: their ticks say which there have to be. */
export const SCHEDULE = periodic(tick, {
  cron: "* * * * * *",
  missed: "all",
  args: (at) => ({ at: at.getTime() / 1000 }),
});

/** The tasks as a worker process runs them. */
export function tasksOf(connector: Connector<object>, ledger: Ledger): AnyTask[] {
  // Connections that are cut cost runs.
  const retry = retryStrategy({ maxAttempts: 100, wait: { milliseconds: 20 }, linearWait: { milliseconds: 50 } });
  const tasks = ENTRIES.map(([name, behaviour]) =>
    defineTask({
      name,
      ...(behaviour.fails ? {} : { retry }),
      ...(behaviour.timeout ? { timeout: behaviour.timeout } : {}),
      run: behaviour.isHasty
        ? (_args: JobArgs, { job }: JobContext) => ledger.jot(job)
        : async (args: JobArgs, context: JobContext) => {
            const run = await ledger.begin(context.job);
            try {
              return await behaviour.run({ args, context, connector, ledger, name: run });
            } finally {
              await ledger.end(run);
            }
          },
    }),
  );
  return [...tasks, tick];
}
