import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

export interface BenchOptions {
  /** Names of the scenarios to run; empty means all. */
  readonly only: readonly string[];
  /** Parts of the names of the contenders to run; empty means all. */
  readonly contenders: readonly string[];
  /** Without the references: what is compared with one is then not measured. */
  readonly alone: boolean;
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
  /** How many of them are deferred per second at most. */
  readonly soakRate: number;
  /** Ends a drain that does not get done; the rate is then what was reached. */
  readonly drainLimitMs: number;
  /** Writes CPU profiles of the child processes and prints the costliest SQL statements. */
  readonly profile: boolean;
  /** Where the chart goes, too. */
  readonly chart: string | undefined;
}

type Size = Omit<BenchOptions, "only" | "contenders" | "alone" | "profile" | "chart">;
/** What a target may name a size of. */
export type SizeName = Exclude<keyof Size, "rounds" | "windowMs" | "drainLimitMs">;

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
  soakRate: Number.POSITIVE_INFINITY,
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
  soakRate: Number.POSITIVE_INFINITY,
  drainLimitMs: 3_000,
};

const SIZE_UNITS: Readonly<Record<SizeName, string>> = {
  jobs: "jobs",
  lockedJobs: "locked jobs",
  backlogJobs: "jobs beside them",
  arrivalJobs: "arriving jobs",
  memoryJobs: "jobs",
  slowJobs: "jobs for each process",
  batchJobs: "jobs of a batch",
  samples: "samples",
  idleMs: "ms",
  soakMs: "ms",
  soakRate: "jobs/s",
};

/** Which of these sizes are smaller than those of `--full`, for a reader. */
export function smallerSizes(names: readonly SizeName[], options: BenchOptions): string[] {
  return names
    .filter((name) => options[name] < FULL[name])
    .map((name) => `${options[name].toLocaleString("en")} of ${FULL[name].toLocaleString("en")} ${SIZE_UNITS[name]}`);
}

/** What can be chosen from. */
export interface Names {
  readonly scenarios: readonly string[];
  readonly contenders: readonly string[];
}

/** Where `--docs` puts the chart. */
const DOCS_CHART = fileURLToPath(new URL("../docs/benchmarks.svg", import.meta.url));

export function usage({ scenarios, contenders }: Names): string {
  return `npm run bench -- [options]
  --quick               a first impression: one small round
  --full                everything at the size that the targets name; takes hours
  --only <scenario>     ${scenarios.join(", ")}; repeatable
  --contender <name>    contenders whose name contains this; repeatable; the references run, too
  --alone               no references: of an hour of soak there is one for each
  --jobs <n>            jobs of a drain (default ${NORMAL.jobs})
  --soak <s>            seconds of a soak (default ${NORMAL.soakMs / 1_000})
  --rate <n>            jobs that a soak defers per second (default as many as are worked off)
  --rounds <n>          rounds of every scenario (default ${NORMAL.rounds})
  --chart <file>        writes the chart there, too
  --docs                writes the chart to docs/benchmarks.svg, too
  --profile             CPU profiles in bench/results/profiles, and the costliest SQL statements

contenders: ${contenders.join("; ")}
BullMQ runs on the Redis of REDIS_URL, else on a redis-server of its own where the PATH has one.`;
}

/** @param cwd What a relative path of `--chart` starts from. */
export function parseOptions(args: readonly string[], names: Names, cwd: string): BenchOptions | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      full: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      contender: { type: "string", multiple: true, default: [] },
      alone: { type: "boolean", default: false },
      jobs: { type: "string" },
      soak: { type: "string" },
      rate: { type: "string" },
      rounds: { type: "string" },
      profile: { type: "boolean", default: false },
      chart: { type: "string" },
      docs: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  if (values.quick && values.full) throw new Error("give --quick or --full, not both");
  if (values.chart !== undefined && values.docs) throw new Error("give --chart or --docs, not both");
  if (values.alone && values.contender.length === 0) throw new Error("--alone: say with --contender who runs");
  refuseUnknown("--only", values.only, names.scenarios, (name, given) => name === given);
  refuseUnknown("--contender", values.contender, names.contenders, (name, given) => name.includes(given));
  const size = values.quick ? QUICK : values.full ? FULL : NORMAL;
  return {
    ...size,
    jobs: positive("--jobs", values.jobs, size.jobs),
    soakMs: positive("--soak", values.soak, size.soakMs / 1_000) * 1_000,
    soakRate: positive("--rate", values.rate, size.soakRate),
    rounds: positive("--rounds", values.rounds, size.rounds),
    only: values.only,
    contenders: values.contender,
    alone: values.alone,
    profile: values.profile,
    chart: values.docs ? DOCS_CHART : values.chart && resolve(cwd, values.chart),
  };
}

function refuseUnknown(
  option: string,
  given: readonly string[],
  names: readonly string[],
  isMeant: (name: string, given: string) => boolean,
): void {
  const unknown = given.filter((each) => !names.some((name) => isMeant(name, each)));
  if (unknown.length > 0) throw new Error(`${option} ${unknown.join(", ")} is unknown; there are: ${names.join("; ")}`);
}

function positive(name: string, given: string | undefined, otherwise: number): number {
  if (given === undefined) return otherwise;
  const number = Number(given);
  if (!Number.isSafeInteger(number) || number < 1) throw new Error(`${name} is ${given}; give a whole number from 1`);
  return number;
}
