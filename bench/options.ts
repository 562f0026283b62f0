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
  /** Jobs of a drain with locks. */
  readonly lockedJobs: number;
  /** Jobs that are in the table besides those of a drain. */
  readonly backlogJobs: number;
  /** Jobs that arrive at once before an idle worker. */
  readonly arrivalJobs: number;
  /** Jobs of the drain in which memory is measured. */
  readonly memoryJobs: number;
  /** Jobs that take a while, for each process. */
  readonly slowJobs: number;
  /** Jobs of one batch defer. */
  readonly batchJobs: number;
  /** Pick-ups measured per contender, all rounds together. */
  readonly samples: number;
  /** How long each rate of deferring is measured, per round. */
  readonly windowMs: number;
  /** How long an idle worker is watched. */
  readonly idleMs: number;
  /** How long jobs of all kinds are worked off. */
  readonly soakMs: number;
  /** Ends a drain that does not get done; the rate is then what was reached. */
  readonly drainLimitMs: number;
  /** Writes CPU profiles of the child processes and prints the costliest SQL statements. */
  readonly profile: boolean;
}

type Size = Omit<BenchOptions, "only" | "contenders" | "profile">;

const NORMAL: Size = {
  rounds: 3,
  jobs: 60_000,
  lockedJobs: 30_000,
  backlogJobs: 200_000,
  arrivalJobs: 300_000,
  memoryJobs: 300_000,
  slowJobs: 6_000,
  batchJobs: 50_000,
  samples: 300,
  windowMs: 1_000,
  idleMs: 20_000,
  soakMs: 60_000,
  drainLimitMs: 10_000,
};
const FULL: Size = {
  ...NORMAL,
  rounds: 5,
  jobs: 150_000,
  backlogJobs: 1_000_000,
  memoryJobs: 1_000_000,
  samples: 1_000,
  windowMs: 2_000,
  idleMs: 3_600_000,
  soakMs: 3_600_000,
  drainLimitMs: 20_000,
};
const QUICK: Size = {
  rounds: 1,
  jobs: 12_000,
  lockedJobs: 6_000,
  backlogJobs: 20_000,
  arrivalJobs: 50_000,
  memoryJobs: 50_000,
  slowJobs: 1_000,
  batchJobs: 10_000,
  samples: 50,
  windowMs: 250,
  idleMs: 5_000,
  soakMs: 10_000,
  drainLimitMs: 3_000,
};

export function usage(scenarios: readonly string[]): string {
  return `npm run bench -- [options]
  --quick               a first impression: one small round
  --full                everything at the size that the targets name; takes hours
  --only <scenario>     ${scenarios.join(", ")}; repeatable
  --contender <name>    contenders whose name contains this; repeatable; the references always run
  --jobs <n>            jobs of a drain (default ${NORMAL.jobs})
  --rounds <n>          rounds of every scenario (default ${NORMAL.rounds})
  --profile             CPU profiles in bench/results/profiles, and the costliest SQL statements`;
}

export function parseOptions(args: readonly string[]): BenchOptions | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      full: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      contender: { type: "string", multiple: true, default: [] },
      jobs: { type: "string" },
      rounds: { type: "string" },
      profile: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  if (values.quick && values.full) throw new Error("give --quick or --full, not both");
  const size = values.quick ? QUICK : values.full ? FULL : NORMAL;
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
