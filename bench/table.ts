import type { Report, ReportRow, TargetResult } from "./report.ts";

const HEAD = ["", "contender", "median", "min .. max", "ratio", "keeps"];

/** One scenario as text. */
export function tableOf(report: Report): string {
  const body = report.rows.map((row, at) => cells(row, report.rows[at - 1]));
  const lines = [HEAD, ...body];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const text = lines.map((line) =>
    line
      .map((cell, column) => align(cell, widths[column] ?? 0, column))
      .join("  ")
      .trimEnd(),
  );
  return [`== ${report.scenario}: ${report.title}`, ...text, ...report.targets.map(targetLine)].join("\n");
}

function cells(row: ReportRow, above: ReportRow | undefined): string[] {
  return [
    row.measure === above?.measure ? "" : row.measure,
    row.contender,
    `${number(row.median)} ${row.unit}`,
    `${number(row.min)} .. ${number(row.max)}`,
    row.ratio === undefined ? "" : `${row.ratio.toFixed(2)} x`,
    row.keeps,
  ];
}

function targetLine(target: TargetResult): string {
  const bound = target.atLeast === undefined ? `at most ${target.atMost}` : `at least ${target.atLeast}`;
  const value = target.than === undefined ? number(target.value) : target.value.toFixed(2);
  const { measure, contender } = target.than ?? {};
  const unit = target.than === undefined ? "" : ` x ${[measure, contender].filter(Boolean).join(", ")}`;
  return `${target.met ? "met   " : "MISSED"}  ${target.measure}, ${target.contender}: ${value}, target ${bound}${unit}`;
}

function number(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(2);
}

function align(cell: string, width: number, column: number): string {
  return column >= 2 && column <= 4 ? cell.padStart(width) : cell.padEnd(width);
}
