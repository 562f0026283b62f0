import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import type { Report, ReportRow } from "./report.ts";

const RATES = ["jobs/s", "tx/s"];
const OWN = "procrastinate";

/** The rates of some scenarios as bars with the range of their rounds, as SVG; undefined if there are none. */
export async function chartOf(reports: readonly Report[]): Promise<string | undefined> {
  const charts = reports.flatMap(({ scenario, rows }) => {
    const measures = new Set(rows.filter(({ unit }) => RATES.includes(unit)).map(({ measure }) => measure));
    return [...measures].map((measure) => {
      const bars = rows.filter((row) => row.measure === measure);
      return chart(`${scenario}: ${measure}, ${bars[0]?.unit}`, bars);
    });
  });
  if (charts.length === 0) return undefined;
  const spec: TopLevelSpec = { vconcat: charts, config: { background: "white" } };
  return new View(parse(compile(spec).spec), { renderer: "none" }).toSVG();
}

function chart(title: string, bars: readonly ReportRow[]) {
  const values = bars.map(({ contender, median, min, max }) => {
    const whose = contender.startsWith(OWN) ? OWN : "others";
    return { contender, whose, median, min, max };
  });
  const y = { field: "contender", type: "nominal", title: null, sort: null, axis: { labelLimit: 300 } } as const;
  const color = { condition: { test: `datum.whose === "${OWN}"`, value: "#4c78a8" }, value: "#b8b8b8" } as const;
  const x = { field: "median", type: "quantitative", title: null } as const;
  return {
    title: { text: title, anchor: "start" },
    data: { values },
    width: 500,
    height: { step: 16 },
    layer: [
      { mark: "bar", encoding: { y, x, color } },
      { mark: "rule", encoding: { y, x: { field: "min", type: "quantitative" }, x2: { field: "max" } } },
    ],
  } satisfies TopLevelSpec;
}
