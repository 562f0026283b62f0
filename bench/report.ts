import type { Contender } from "./contender.ts";
import { type BenchOptions, smallerSizes } from "./options.ts";
import type { Failure, Measurement, Scenario, Target } from "./scenario.ts";
import { median, pairedRatio } from "./statistics.ts";

export interface ReportRow extends Measurement {
  readonly keeps: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Times the reference; absent for the reference itself and where it did not run. */
  readonly ratio?: number;
}

export type Mark = "met" | "MISSED" | "not measured";

export interface TargetResult extends Target {
  readonly mark: Mark;
  readonly value?: number;
  /** In what way the run was smaller than the target's; empty if it was not. */
  readonly smaller: readonly string[];
}

export interface Report {
  readonly scenario: string;
  readonly title: string;
  readonly isSeries: boolean;
  readonly rows: readonly ReportRow[];
  readonly targets: readonly TargetResult[];
  /** What a reader has to know about the rows: who is missing, or was given less. */
  readonly notes: readonly string[];
  readonly failures: readonly Failure[];
}

export interface Outcome {
  readonly measurements: readonly Measurement[];
  /** Those that ran. */
  readonly taking: readonly Contender[];
  readonly failures: readonly Failure[];
  readonly notes: readonly string[];
}

type Find = (measure: string, contender: string) => Measurement | undefined;

export function reportOf(scenario: Scenario, options: BenchOptions, outcome: Outcome): Report {
  const { measurements, taking, failures, notes } = outcome;
  const find: Find = (measure, contender) =>
    measurements.find((each) => each.measure === measure && each.contender === contender);
  const rows = measurements.map((each): ReportRow => {
    const reference = scenario.referenceOf(each.contender);
    const against = reference === undefined || reference === each.contender ? undefined : find(each.measure, reference);
    return {
      ...each,
      keeps: taking.find(({ name }) => name === each.contender)?.keeps ?? "",
      median: median(each.rounds),
      min: Math.min(...each.rounds),
      max: Math.max(...each.rounds),
      ...(against ? { ratio: pairedRatio(each.rounds, against.rounds) } : {}),
    };
  });
  return {
    scenario: scenario.name,
    title: scenario.title,
    isSeries: scenario.isSeries ?? false,
    rows: rows.toSorted(byMeasure),
    targets: scenario.targets.flatMap((target) => {
      const result = targetResult(target, find, smallerSizes(target.sizes ?? scenario.sizes, options));
      // What nobody asked for is not missing.
      return result.mark === "not measured" && options.contenders.length > 0 ? [] : [result];
    }),
    notes: [...shareNotes(measurements, taking), ...notes],
    failures,
  };
}

function shareNotes(measurements: readonly Measurement[], taking: readonly Contender[]): string[] {
  return taking.flatMap(({ name, share }) =>
    share !== undefined && measurements.some(({ contender, ofJobs }) => contender === name && ofJobs !== undefined)
      ? [`${name} is given ${share} of the jobs: it is too slow for all of them`]
      : [],
  );
}

function targetResult(target: Target, find: Find, smaller: readonly string[]): TargetResult {
  const own = find(target.measure, target.contender);
  const { measure, contender } = { ...target, ...target.than };
  const other = target.than === undefined ? undefined : find(measure, contender);
  if (!own || (target.than !== undefined && !other)) return { ...target, mark: "not measured", smaller };
  const value = other ? pairedRatio(own.rounds, other.rounds) : median(own.rounds);
  return { ...target, mark: isWithin(value, target) ? "met" : "MISSED", value, smaller };
}

/** Never for a value that is not a number. */
function isWithin(value: number, { atLeast = -Infinity, atMost = Infinity, below = Infinity }: Target): boolean {
  return value >= atLeast && value <= atMost && (value < below || below === Infinity);
}

/** Rounds collect the measures of one contender together; a reader compares contenders within a measure. */
function byMeasure(a: ReportRow, b: ReportRow): number {
  return a.measure === b.measure ? 0 : a.measure.localeCompare(b.measure, "en", { numeric: true });
}
