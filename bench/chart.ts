import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import type { Report, ReportRow } from "./report.ts";

const OWN = "procrastinate";
const COLUMNS = 2;
const WIDTH = 400;
const OWN_COLOR = "#4c78a8";
const OTHER_COLOR = "#b8b8b8";

type Chart = ReturnType<typeof bars> | ReturnType<typeof lines>;

/** Everything measured, as SVG: one small chart for each measure, as bars with the range of their rounds. */
export async function chartOf(reports: readonly Report[]): Promise<string> {
  const charts = reports.flatMap(({ scenario, isSeries, rows }): Chart[] => {
    // A number that is none cannot be drawn.
    const drawn = rows.filter(({ median }) => Number.isFinite(median));
    if (isSeries && drawn.length > 0) return [lines(scenario, drawn)];
    const measures = new Set(drawn.map(({ measure }) => measure));
    return [...measures].map((measure) => {
      const ofMeasure = drawn.filter((row) => row.measure === measure);
      return bars(`${scenario}: ${measure}`, ofMeasure);
    });
  });
  const spec: TopLevelSpec = {
    concat: charts,
    columns: COLUMNS,
    // Each contender's name, and each unit's scale, is its own chart's.
    resolve: { scale: { x: "independent", y: "independent" }, legend: { color: "independent" } },
    config: { background: "white" },
  };
  return new View(parse(compile(spec).spec), { renderer: "none" }).toSVG();
}

function bars(title: string, rows: readonly ReportRow[]) {
  const values = rows.map(({ contender, median, min, max }) => {
    const label = median.toLocaleString("en", { maximumSignificantDigits: 3 });
    return { contender, whose: contender.startsWith(OWN) ? OWN : "others", median, min, max, label };
  });
  const y = { field: "contender", type: "nominal", title: null, sort: null, axis: { labelLimit: 0 } } as const;
  const color = {
    condition: { test: `datum.whose === "${OWN}"`, value: OWN_COLOR },
    value: OTHER_COLOR,
  } as const;
  const x = { field: "median", type: "quantitative", title: rows[0]?.unit ?? null } as const;
  const text = { type: "text", align: "left", dx: 4, fontSize: 9 } as const;
  return {
    title: { text: title, anchor: "start" },
    data: { values },
    width: WIDTH,
    height: { step: 16 },
    layer: [
      { mark: "bar", encoding: { y, x, color } },
      { mark: "rule", encoding: { y, x: { field: "min", type: "quantitative" }, x2: { field: "max" } } },
      { mark: text, encoding: { y, x: { field: "max", type: "quantitative" }, text: { field: "label" } } },
    ],
  } satisfies TopLevelSpec;
}

/** One line for each contender, over measures that follow one another. */
function lines(title: string, rows: readonly ReportRow[]) {
  const values = rows.map(({ measure, contender, median }) => ({ measure, contender, median }));
  return {
    title: { text: title, anchor: "start" },
    data: { values },
    width: WIDTH,
    height: 240,
    mark: { type: "line", point: true },
    encoding: {
      x: { field: "measure", type: "ordinal", title: null, sort: null },
      y: { field: "median", type: "quantitative", title: rows[0]?.unit ?? null },
      color: { field: "contender", type: "nominal", title: null, legend: { labelLimit: 0 } },
    },
  } satisfies TopLevelSpec;
}
