import { type Driver, drivers } from "./contenders/business.ts";
import type { Mark, Report, TargetResult } from "./report.ts";
import { aligned, boundOf, reachedBy } from "./table.ts";

interface Line {
  readonly work: string;
  readonly bound: string;
  readonly values: Map<Driver, string>;
  readonly marks: Mark[];
  readonly isSmaller: boolean;
}

const ANY_DRIVER = new RegExp(`,? (${drivers.map((driver) => driver.replace(".", "\\.")).join("|")})\\b`, "g");

/** Every target once, with what each driver reached: the worst of them marks the line. Then what failed. */
export function summaryOf(reports: readonly Report[]): string {
  const lines = new Map<string, Line>();
  for (const { scenario, targets } of reports)
    for (const target of targets) {
      const driver = drivers.find((name) => target.contender.endsWith(name));
      if (!driver) continue;
      const work = `${scenario}: ${target.measure}, ${withoutDriver(target.contender)}`;
      const bound = withoutDriver(boundOf(target));
      const line = lines.get(`${work}\n${bound}`) ?? newLine(work, bound, target);
      line.values.set(driver, reachedBy(target));
      line.marks.push(target.mark);
      lines.set(`${work}\n${bound}`, line);
    }
  const body = [...lines.values()].map((line) => [
    markOf(line),
    line.work,
    ...drivers.map((driver) => line.values.get(driver) ?? "-"),
    line.bound,
  ]);
  const failures = reports.flatMap(({ scenario, failures: failed }) =>
    failed.map(({ contender, reason }) => `FAILED  ${scenario}, ${contender}: ${reason.split("\n")[0]}`),
  );
  const table = aligned([["", "target", ...drivers, "bound"], ...body], { from: 2, to: 1 + drivers.length });
  const star = [...lines.values()].some(({ isSmaller }) => isSmaller) ? ["*  at a smaller size than the target's"] : [];
  return [...(body.length > 0 ? ["== all targets", ...table, ...star] : []), ...failures, ""].join("\n");
}

function newLine(work: string, bound: string, { smaller }: TargetResult): Line {
  return { work, bound, values: new Map(), marks: [], isSmaller: smaller.length > 0 };
}

function markOf({ marks, isSmaller }: Line): string {
  const worst = (["MISSED", "not measured", "met"] as const).find((mark) => marks.includes(mark)) ?? "not measured";
  return isSmaller ? `${worst} *` : worst;
}

function withoutDriver(text: string): string {
  return text.replace(ANY_DRIVER, "");
}
