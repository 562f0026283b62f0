// "procrastinate/testing/conformance": what every connector must do, for whoever writes one for another driver.
import type { Connector } from "../../index.ts";
import { checkKnownOptions } from "../../option-checks.ts";
import { type CaseDefinition, createScene } from "./case.ts";
import { deferCases } from "./defer-cases.ts";
import { jobCases } from "./job-cases.ts";
import { listenCases } from "./listen-cases.ts";
import { periodicCases } from "./periodic-cases.ts";
import { queueCases } from "./queue-cases.ts";
import { retentionCases } from "./retention-cases.ts";
import { statementCases } from "./statement-cases.ts";
import { taskCases } from "./task-cases.ts";
import { testingCases } from "./testing-cases.ts";
import { transactionCases } from "./transaction-cases.ts";
import { workerCases } from "./worker-cases.ts";

/** One behaviour, to be run as a test of any test runner. */
export interface ConformanceCase {
  /** A sentence that says what a connector does. */
  readonly name: string;
  /** Rejects with an AssertionError, or with what the connector threw, when it does not. */
  run(): Promise<void>;
}

export interface ConformanceOptions {
  /** Whether the connector listens. Default: true. */
  readonly listens?: boolean;
  /** Whether the database has one session only, as PGlite. Default: false. */
  readonly singleSession?: boolean;
}

const CASES: readonly CaseDefinition[] = [
  ...statementCases,
  ...transactionCases,
  ...deferCases,
  ...workerCases,
  ...jobCases,
  ...periodicCases,
  ...queueCases,
  ...retentionCases,
  ...testingCases,
  ...listenCases,
  ...taskCases,
];

/**
 * The cases that a connector must pass. They need a database with the queue's tables under their default names, whose
 * sessions should have a time zone other than UTC, and leave jobs there, each case in a queue of its own.
 *
 * ```ts
 * for (const { name, run } of conformanceCases(() => connector)) test(name, run);
 * ```
 *
 * @param connect Gives the connector; called once per case, and may give the same one. Closing it is the caller's.
 */
export function conformanceCases<Tx extends object>(
  connect: () => Connector<Tx> | Promise<Connector<Tx>>,
  options: ConformanceOptions = {},
): readonly ConformanceCase[] {
  checkKnownOptions("conformanceCases", options, ["listens", "singleSession"]);
  const { listens = true, singleSession = false } = options;
  const applies = ({ needs }: CaseDefinition): boolean =>
    (needs !== "listen" || listens) && (needs !== "sessions" || !singleSession);
  return CASES.filter(applies).map(({ name, check }) => ({
    name,
    run: async () => check(createScene(await connect())),
  }));
}
