import type { Report, ReportRow, TargetResult } from "./report.ts";

const HEAD = ["", "contender", "median", "min .. max", "ratio", "jobs", "keeps"];
const NUMBERS = { from: 2, to: 5 };

/** One scenario as text. */
export function tableOf(report: Report): string {
  const body = report.rows.map((row, at) => cells(row, report.rows[at - 1]));
  return [
    `== ${report.scenario}: ${report.title}`,
    ...aligned([HEAD, ...body], NUMBERS),
    ...report.notes.map((note) => `note    ${note}`),
    ...report.failures.map(({ contender, reason }) => `FAILED  ${contender}: ${reason}`),
    ...report.targets.map(targetLine),
  ].join("\n");
}

/** The columns one below the other; those of numbers end where the others begin. */
export function aligned(
  lines: readonly (readonly string[])[],
  numbers: { readonly from: number; readonly to: number },
): string[] {
  const columns = Math.max(...lines.map((line) => line.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  const align = (cell: string, column: number) => {
    const width = widths[column] ?? 0;
    return column >= numbers.from && column <= numbers.to ? cell.padStart(width) : cell.padEnd(width);
  };
  return lines.map((line) => line.map(align).join("  ").trimEnd());
}

function cells(row: ReportRow, above: ReportRow | undefined): string[] {
  return [
    row.measure === above?.measure ? "" : row.measure,
    row.contender,
    `${number(row.median)} ${row.unit}`,
    `${number(row.min)} .. ${number(row.max)}`,
    // Nothing is a multiple of nothing.
    row.ratio === undefined || !Number.isFinite(row.ratio) ? "" : `${row.ratio.toFixed(2)} x`,
    jobsOf(row),
    row.keeps,
  ];
}

function jobsOf({ jobs, ofJobs }: ReportRow): string {
  if (jobs === undefined) return "";
  const done = jobs.toLocaleString("en");
  return ofJobs === undefined || ofJobs <= jobs ? done : `${done} of ${ofJobs.toLocaleString("en")}`;
}

function targetLine(target: TargetResult): string {
  const name = `${target.measure}, ${target.contender}`;
  const line = `${target.mark.padEnd(6)}  ${name}: ${reachedBy(target)}, target ${boundOf(target)}`;
  return target.smaller.length === 0 ? line : `${line} (at a smaller size: ${target.smaller.join(", ")})`;
}

/** What was reached, as a target's bound says it. */
export function reachedBy({ value, than }: TargetResult): string {
  if (value === undefined) return "-";
  return than === undefined ? number(value) : value.toFixed(2);
}

/** The bound in words: `at least 2 x graphile-worker tuned`. */
export function boundOf({ atLeast, atMost, below, than }: TargetResult): string {
  const bounds = [
    atLeast === undefined ? [] : [`at least ${atLeast}`],
    atMost === undefined ? [] : [`at most ${atMost}`],
    below === undefined ? [] : [`below ${below}`],
  ].flat();
  const of = than === undefined ? "" : ` x ${[than.measure, than.contender].filter(Boolean).join(", ")}`;
  return `${bounds.join(" and ")}${of}`;
}

function number(value: number): string {
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(2);
}
