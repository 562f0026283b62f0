import { parseArgs } from "node:util";

export interface BenchOptions {
  /** Names of the scenarios to run; empty means all. */
  readonly only: readonly string[];
  /** Parts of the names of the contenders to run; empty means all. */
  readonly contenders: readonly string[];
  /** How often every contender runs each scenario. */
  readonly rounds: number;
  /** Jobs of a drain. */
  readonly jobs: number;
  /** Jobs of a drain over few locks. */
  readonly lockedJobs: number;
  /** Jobs of one batch defer. */
  readonly batchJobs: number;
  /** Pick-ups measured per contender, all rounds together. */
  readonly samples: number;
  /** How long each rate of deferring is measured, per round. */
  readonly windowMs: number;
  /** Ends a drain that does not get done; the rate is then what was reached. */
  readonly drainLimitMs: number;
  /** Writes CPU profiles of the child processes and prints the costliest SQL statements. */
  readonly profile: boolean;
}

const FULL = {
  rounds: 5,
  jobs: 60_000,
  lockedJobs: 30_000,
  batchJobs: 50_000,
  samples: 300,
  windowMs: 1_500,
  drainLimitMs: 10_000,
};
const QUICK = {
  rounds: 2,
  jobs: 12_000,
  lockedJobs: 6_000,
  batchJobs: 10_000,
  samples: 50,
  windowMs: 250,
  drainLimitMs: 1_500,
};

export const USAGE = `npm run bench -- [options]
  --quick               a first impression: fewer and smaller rounds
  --only <scenario>     drain, locks, latency, defer or transaction; repeatable
  --contender <name>    contenders whose name contains this; repeatable; the reference always runs
  --jobs <n>            jobs of a drain (default ${FULL.jobs})
  --rounds <n>          rounds of every scenario (default ${FULL.rounds})
  --profile             CPU profiles in bench/results/profiles, and the costliest SQL statements`;

export function parseOptions(args: readonly string[]): BenchOptions | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      contender: { type: "string", multiple: true, default: [] },
      jobs: { type: "string" },
      rounds: { type: "string" },
      profile: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const size = values.quick ? QUICK : FULL;
  return {
    ...size,
    jobs: positive("--jobs", values.jobs, size.jobs),
    rounds: positive("--rounds", values.rounds, size.rounds),
    only: values.only,
    contenders: values.contender,
    profile: values.profile,
  };
}

function positive(name: string, given: string | undefined, otherwise: number): number {
  if (given === undefined) return otherwise;
  const number = Number(given);
  if (!Number.isSafeInteger(number) || number < 1) throw new Error(`${name} is ${given}; give a whole number from 1`);
  return number;
}
