import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { chartOf } from "./chart.ts";
import type { BenchOptions } from "./options.ts";
import type { Report } from "./report.ts";

/** What a run leaves behind. */
export interface ResultFiles {
  readonly paths: readonly string[];
  /** Writes everything anew: called after each scenario, so that what ends the bench loses one at most. */
  write(reports: readonly Report[]): Promise<void>;
}

const DIRECTORY = fileURLToPath(new URL("results/", import.meta.url));

export function resultFiles(facts: unknown, options: BenchOptions): ResultFiles {
  const at = new Date().toISOString();
  const json = `${DIRECTORY}${at.replaceAll(":", "-")}.json`;
  const charts = [json.replace(/json$/, "svg"), ...(options.chart === undefined ? [] : [options.chart])];
  for (const path of [json, ...charts]) mkdirSync(dirname(path), { recursive: true });
  return {
    paths: [json, ...charts],
    write: async (reports) => {
      writeFileSync(json, `${JSON.stringify({ at, facts, options, reports }, null, 2)}\n`);
      const chart = await chartOf(reports);
      for (const path of charts) writeFileSync(path, chart);
    },
  };
}
