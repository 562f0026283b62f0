import { contenders } from "./contenders/index.ts";
import { Databases } from "./databases.ts";
import { machineFacts } from "./machine.ts";
import { type BenchOptions, type Names, parseOptions, usage } from "./options.ts";
import { startBenchPostgres } from "./postgres.ts";
import { type BenchRedis, startBenchRedis } from "./redis.ts";
import { type Report, reportOf } from "./report.ts";
import { type ResultFiles, resultFiles } from "./result-files.ts";
import { Bench, reasonOf, type Scenario } from "./scenario.ts";
import { scenarios } from "./scenarios/index.ts";
import { costliestStatements, statementSettings } from "./statements.ts";
import { summaryOf } from "./summary.ts";
import { tableOf } from "./table.ts";

const names: Names = {
  scenarios: scenarios.map(({ name }) => name),
  contenders: contenders.map(({ name }) => name),
};
try {
  // start.ts runs this in bench/; npm says where the user is.
  const options = parseOptions(process.argv.slice(2), names, process.env["INIT_CWD"] ?? process.cwd());
  if (options === "help") console.log(usage(names));
  else if (!(await runBench(options))) process.exitCode = 1;
} catch (error) {
  console.error(reasonOf(error));
  process.exitCode = 1;
}

/** Whether nothing failed; a target that is missed is no failure. */
async function runBench(options: BenchOptions): Promise<boolean> {
  const chosen = options.only.length === 0 ? scenarios : scenarios.filter(({ name }) => options.only.includes(name));
  const postgres = await startBenchPostgres(statementSettings(options.profile));
  const redis = await startBenchRedis();
  const databases = await Databases.open(postgres.baseUrl, redis);
  try {
    const facts = { ...(await machineFacts(databases.admin)), redis: redis.facts };
    for (const [name, value] of Object.entries(facts)) console.log(`${name.padEnd(10)}  ${value}`);
    console.log(`rounds      ${options.rounds}, interleaved; ratios are medians of each round's own ratio`);
    const files = resultFiles(facts, options);
    const reports: Report[] = [];
    for (const scenario of chosen) {
      const report = await runScenario(scenario, options, databases, redis);
      reports.push(report);
      console.log(`\n${tableOf(report)}`);
      if (options.profile) console.log(await costliestStatements(databases.admin, 25));
      await save(files, reports);
    }
    console.log(`\n${summaryOf(reports)}\nwritten to ${files.paths.join(" and ")}`);
    return reports.every(({ failures }) => failures.length === 0);
  } finally {
    await databases.close();
    await redis.stop();
    await postgres.stop();
  }
}

async function runScenario(
  scenario: Scenario,
  options: BenchOptions,
  databases: Databases,
  redis: BenchRedis,
): Promise<Report> {
  const wanted = (name: string) =>
    options.contenders.length === 0 ||
    (!options.alone && scenario.referenceOf(name) === name) ||
    options.contenders.some((part) => name.includes(part));
  const all = contenders.filter(({ name }) => wanted(name));
  const possible = all.filter(({ works }) => works.includes(scenario.name));
  const taking = possible.filter(({ store }) => store !== "redis" || redis.url !== undefined);
  const notes = [
    ...(taking.some(({ store }) => store === "redis")
      ? [`BullMQ: a crash of the machine loses ${redis.loses}; the others lose no job and no outcome`]
      : []),
    ...(possible.length > taking.length ? [`without BullMQ: ${redis.facts}`] : []),
    ...all.flatMap(({ name, absent }) => {
      const why = absent?.[scenario.name];
      return why === undefined ? [] : [`without ${name}: ${why}`];
    }),
  ];
  const bench = new Bench(options, taking, databases);
  try {
    const measurements = await scenario.run(bench);
    return reportOf(scenario, options, { measurements, taking, failures: bench.failures, notes });
  } catch (error) {
    const failures = [...bench.failures, { contender: "all", reason: reasonOf(error) }];
    return reportOf(scenario, options, { measurements: [], taking, failures, notes });
  }
}

/** A chart that cannot be drawn must not end hours of measuring. */
async function save(files: ResultFiles, reports: readonly Report[]): Promise<void> {
  try {
    await files.write(reports);
  } catch (error) {
    console.error(`FAILED  writing the results: ${reasonOf(error)}`);
    process.exitCode = 1;
  }
}
