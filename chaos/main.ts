// npm run chaos: breaks whatever can break while jobs run, and counts what became of them.
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { killLeftChildren } from "../test/support/child.ts";
import { readMigrations } from "../test/support/migrations.ts";
import { runSql, withDatabase } from "../test/support/run-sql.ts";
import { startPostgres, type TemporaryPostgres } from "../test/support/temporary-postgres.ts";
import { LEDGER_TABLES } from "./ledger.ts";
import { describeMachine, describeProblems, isKept, type Line, renderTable, writeTable } from "./report.ts";
import type { Scenario } from "./scenario.ts";
import { SCENARIOS } from "./scenarios/index.ts";
import { type Outcome, Stage } from "./stage.ts";
import { bundleWorker } from "./worker-bundle.ts";

const { values: options } = parseArgs({
  options: {
    short: { type: "boolean", default: false },
    only: { type: "string" },
    times: { type: "string" },
    write: { type: "boolean", default: false },
  },
});

if (options.times !== undefined && !/^[1-9]\d*$/.test(options.times))
  throw new Error(`--times is ${options.times}; it wants how often each fault is tried, 1 or more`);

const WORDS = process.argv.slice(2).filter((word) => word !== "--write");
const COMMAND = ["npm run chaos", ...(WORDS.length > 0 ? ["--", ...WORDS] : [])].join(" ");
const TEMPLATE = "chaos_template";
const PATIENCE_MS = 30_000;
const LONGEST_TRY_MS = { short: 90_000, full: 3_600_000 };

async function createTemplate(url: string): Promise<void> {
  await runSql(url, `create database ${TEMPLATE}`);
  await runSql(withDatabase(url, TEMPLATE), `${readMigrations()}; ${LEDGER_TABLES}`);
}

async function play(scenario: Scenario, server: TemporaryPostgres, turn: number): Promise<Outcome> {
  const name = `chaos_${Math.random().toString(36).slice(2)}`;
  await runSql(server.url, `create database ${name} template ${TEMPLATE}`);
  const stage = await Stage.open({
    server,
    program: bundle.file,
    url: withDatabase(server.url, name),
    scale: options.short ? 1 : (scenario.fullScale ?? 5),
    turn,
    patienceMs: PATIENCE_MS,
  });
  try {
    return await Promise.race([
      playToEnd(scenario, stage),
      giveUpAfter(LONGEST_TRY_MS[options.short ? "short" : "full"]),
    ]);
  } catch (error) {
    return { deferred: 0, violations: [], recoveries: [], problems: [error instanceof Error ? `${error.stack}` : ""] };
  } finally {
    await killLeftChildren();
    await stage.close();
    await runSql(server.url, `drop database if exists ${name} with (force)`);
  }
}

async function playToEnd(scenario: Scenario, stage: Stage): Promise<Outcome> {
  await scenario.play(stage);
  return stage.finish();
}

async function giveUpAfter(ms: number): Promise<never> {
  await sleep(ms);
  throw new Error(`The scenario did not come to its end within ${ms} ms`);
}

async function playAll(scenario: Scenario, server: TemporaryPostgres): Promise<Line> {
  const { fault, times = { short: 1, full: 3 } } = scenario;
  const skipped = scenario.whyNot?.(server);
  if (skipped !== undefined) console.log(`${fault}: NOT RUN, ${skipped}`);
  const outcomes: Outcome[] = [];
  const usual = options.short ? times.short : times.full;
  const tries = usual === 0 ? 0 : Number(options.times ?? usual);
  for (let turn = 0; skipped === undefined && turn < tries; turn++) {
    const startedAt = performance.now();
    const outcome = await play(scenario, server, turn);
    const problems = describeProblems(outcome);
    const verdict = problems.length === 0 ? "kept" : `BROKEN\n  ${problems.join("\n  ")}`;
    console.log(
      `${fault}: ${outcome.deferred} jobs, ${((performance.now() - startedAt) / 1000).toFixed(1)} s, ${verdict}`,
    );
    outcomes.push(outcome);
  }
  return { fault, skipped, outcomes };
}

const bundle = await bundleWorker();
const server = await startPostgres({ settings: { max_connections: 400 } });
try {
  await createTemplate(server.url);
  const [version] = await runSql<{ server_version: string }>(server.url, "show server_version");
  const machine = describeMachine(version?.server_version.split(" ")[0] ?? "");
  console.log(machine);
  const wanted = SCENARIOS.filter(({ fault }) => options.only === undefined || fault.includes(options.only));
  const lines: Line[] = [];
  for (const scenario of wanted) lines.push(await playAll(scenario, server));
  console.log(`\n${renderTable(lines)}\n`);
  if (options.write) writeTable(lines, COMMAND, machine);
  if (!lines.every(isKept)) process.exitCode = 1;
} finally {
  await killLeftChildren();
  await server.stop();
  bundle.remove();
}
// The times that were given to scenarios need not be waited for.
process.exit();
