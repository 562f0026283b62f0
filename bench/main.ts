import { mkdirSync, writeFileSync } from "node:fs";
import { chartOf } from "./chart.ts";
import { contenders } from "./contenders/index.ts";
import { Databases } from "./databases.ts";
import { machineFacts } from "./machine.ts";
import { type BenchOptions, parseOptions, usage } from "./options.ts";
import { startBenchPostgres } from "./postgres.ts";
import { type Report, reportOf } from "./report.ts";
import { Bench, type Scenario } from "./scenario.ts";
import { scenarios } from "./scenarios/index.ts";
import { costliestStatements, statementSettings } from "./statements.ts";
import { tableOf } from "./table.ts";

interface Result {
  readonly at: string;
  readonly facts: unknown;
  readonly options: BenchOptions;
  readonly reports: readonly Report[];
}

const RESULTS = new URL("results/", import.meta.url);

const options = parseOptions(process.argv.slice(2));
if (options === "help") console.log(usage(scenarios.map(({ name }) => name)));
else await runBench(options);

async function runBench(options: BenchOptions): Promise<void> {
  const chosen = options.only.length === 0 ? scenarios : scenarios.filter(({ name }) => options.only.includes(name));
  if (chosen.length === 0) throw new Error(`--only takes ${scenarios.map(({ name }) => name).join(", ")}`);
  const postgres = await startBenchPostgres(statementSettings(options.profile));
  const databases = await Databases.open(postgres.baseUrl);
  try {
    const facts = await machineFacts(databases.admin);
    for (const [name, value] of Object.entries(facts)) console.log(`${name.padEnd(10)}  ${value}`);
    console.log(`rounds      ${options.rounds}, interleaved; ratios are medians of each round's own ratio`);
    const reports: Report[] = [];
    for (const scenario of chosen) {
      reports.push(await runScenario(scenario, options, databases));
      if (options.profile) console.log(await costliestStatements(databases.admin, 25));
    }
    await save({ at: new Date().toISOString(), facts, options, reports });
  } finally {
    await databases.close();
    await postgres.stop();
  }
}

async function runScenario(scenario: Scenario, options: BenchOptions, databases: Databases): Promise<Report> {
  const wanted = (name: string) =>
    options.contenders.length === 0 ||
    scenario.referenceOf(name) === name ||
    options.contenders.some((part) => name.includes(part));
  const taking = contenders.filter(({ name, works }) => works.includes(scenario.name) && wanted(name));
  const measurements = await scenario.run(new Bench(options, taking, databases));
  const report = reportOf(scenario, measurements, taking);
  console.log(`\n${tableOf(report)}`);
  return report;
}

async function save(result: Result): Promise<void> {
  mkdirSync(RESULTS, { recursive: true });
  const file = new URL(`${result.at.replaceAll(":", "-")}.json`, RESULTS);
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  console.log(`\nwritten to ${file.pathname}`);
  const chart = await chartOf(result.reports);
  if (chart !== undefined) writeFileSync(new URL(file.href.replace(/json$/, "svg")), chart);
}
