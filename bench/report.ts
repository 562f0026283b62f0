import type { Contender } from "./contender.ts";
import type { Measurement, Scenario, Target } from "./scenario.ts";
import { median, pairedRatio } from "./statistics.ts";

export interface ReportRow extends Measurement {
  readonly keeps: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Times the reference; absent for the reference itself and where it did not run. */
  readonly ratio?: number;
}

export interface TargetResult extends Target {
  readonly value: number;
  readonly met: boolean;
}

export interface Report {
  readonly scenario: string;
  readonly title: string;
  readonly rows: readonly ReportRow[];
  readonly targets: readonly TargetResult[];
}

export function reportOf(
  scenario: Scenario,
  measurements: readonly Measurement[],
  contenders: readonly Contender[],
): Report {
  const find = (measure: string, contender: string) =>
    measurements.find((each) => each.measure === measure && each.contender === contender);
  const rows = measurements.map((each): ReportRow => {
    const reference = scenario.referenceOf(each.contender);
    const against = reference === undefined || reference === each.contender ? undefined : find(each.measure, reference);
    return {
      ...each,
      keeps: contenders.find(({ name }) => name === each.contender)?.keeps ?? "",
      median: median(each.rounds),
      min: Math.min(...each.rounds),
      max: Math.max(...each.rounds),
      ...(against ? { ratio: pairedRatio(each.rounds, against.rounds) } : {}),
    };
  });
  const targets = scenario.targets.flatMap((target): TargetResult[] => {
    const own = find(target.measure, target.contender);
    const { measure, contender } = { ...target, ...target.than };
    const other = target.than === undefined ? undefined : find(measure, contender);
    if (!own || (target.than !== undefined && !other)) return [];
    const value = other ? pairedRatio(own.rounds, other.rounds) : median(own.rounds);
    return [{ ...target, value, met: value >= (target.atLeast ?? -Infinity) && value <= (target.atMost ?? Infinity) }];
  });
  return { scenario: scenario.name, title: scenario.title, rows: rows.toSorted(byMeasure), targets };
}

/** Rounds collect the measures of one contender together; a reader compares contenders within a measure. */
function byMeasure(a: ReportRow, b: ReportRow): number {
  return a.measure === b.measure ? 0 : a.measure.localeCompare(b.measure, "en", { numeric: true });
}
