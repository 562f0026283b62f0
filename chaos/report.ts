import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import type { Outcome } from "./stage.ts";

/** What became of a scenario. */
export interface Line {
  readonly fault: string;
  /** Why it was not played. */
  readonly skipped?: string | undefined;
  readonly outcomes: readonly Outcome[];
}

const COLUMNS = [
  "fault",
  "times tried",
  "jobs deferred",
  "lost",
  "doubled",
  "otherwise wrong",
  "worst time to recover",
];
const LOST = /^lost|^succeeded without/;
const DOUBLED = /^done twice/;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function count(outcomes: readonly Outcome[], belongs: (invariant: string) => boolean): number {
  const found = outcomes.flatMap(({ violations }) => violations).filter(({ invariant }) => belongs(invariant));
  return sum(found.map((violation) => violation.count));
}

/** Whether all that was promised was kept. */
export function isKept({ outcomes }: Line): boolean {
  return outcomes.every((outcome) => describeProblems(outcome).length === 0);
}

/** What is wrong with a try, in words. */
export function describeProblems({ violations, problems, recoveries }: Outcome): string[] {
  const late = recoveries.filter(({ ms, limitMs }) => ms > limitMs);
  return [
    ...violations.map(
      (found) => `${found.count} jobs ${found.invariant}: ${found.jobs.join(", ")}\n    ${found.story}`,
    ),
    ...late.map(({ ms, limitMs }) => `recovered after ${ms.toFixed(0)} ms instead of ${limitMs}`),
    ...problems,
  ];
}

function cells({ fault, skipped, outcomes }: Line): string[] {
  if (skipped !== undefined) return [fault, "0", "", "", "", "", `not run: ${skipped}`];
  const others = count(outcomes, (invariant) => !LOST.test(invariant) && !DOUBLED.test(invariant));
  const late = outcomes.flatMap(({ recoveries }) => recoveries).filter(({ ms, limitMs }) => ms > limitMs);
  return [
    fault,
    String(outcomes.length),
    sum(outcomes.map(({ deferred }) => deferred)).toLocaleString("en"),
    String(count(outcomes, (invariant) => LOST.test(invariant))),
    String(count(outcomes, (invariant) => DOUBLED.test(invariant))),
    String(others + late.length + sum(outcomes.map(({ problems }) => problems.length))),
    worstRecovery(outcomes),
  ];
}

function worstRecovery(outcomes: readonly Outcome[]): string {
  const [worst] = outcomes.flatMap(({ recoveries }) => recoveries).sort((a, b) => b.ms / b.limitMs - a.ms / a.limitMs);
  return worst ? `${worst.ms.toFixed(0)} ms of ${worst.limitMs.toLocaleString("en")}` : "";
}

/** The table, for a terminal and for Markdown alike. */
export function renderTable(lines: readonly Line[]): string {
  const played = lines.filter(({ skipped, outcomes }) => skipped !== undefined || outcomes.length > 0);
  const rows = [COLUMNS, ...played.map(cells)];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const render = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const [head, ...body] = rows.map(render);
  return [head, `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...body].join("\n");
}

const PAGE = new URL("../docs/chaos.md", import.meta.url);

/** Puts the table into its page. */
export function writeTable(lines: readonly Line[], command: string, machine: string): void {
  const text = `<!-- table -->\n\n\`${command}\`, ${machine}:\n\n${renderTable(lines)}\n\n<!-- end of the table -->`;
  const page = readFileSync(PAGE, "utf8").replace(/<!-- table -->.*<!-- end of the table -->/s, () => text);
  writeFileSync(PAGE, page);
}

/** Where it was measured. */
export function describeMachine(postgresVersion: string): string {
  const [cpu] = cpus();
  return `${cpus().length} cores (${cpu?.model.trim() || "unknown"}), Postgres ${postgresVersion}, Node ${process.version.slice(1)}`;
}
