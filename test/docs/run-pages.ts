// Runs the blocks of pages, in one process, on the database of DATABASE_URL: node run-pages.ts PLANS REPORT, two files of
// JSON. The report says for each page what went wrong, or has an empty text.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Client } from "pg";
import { until } from "../support/until.ts";
import { CLEAR, type PagePlan, type Step } from "./page-steps.ts";

/** Asks a module that still runs to stop, and waits for its end. */
type Stop = () => Promise<void>;

/** While a worker runs, what it does may take a moment. */
const WORK_MS = 10_000;
const MODULE_MS = 20_000;

const [, , plansFile = "", reportFile = ""] = process.argv;
const plans: readonly PagePlan[] = JSON.parse(readFileSync(plansFile, "utf8"));
const report: Record<string, string> = {};
for (const plan of plans) report[plan.page] = await runPage(plan);
writeFileSync(reportFile, JSON.stringify(report));
// The pools of the pages are still open.
process.exit();

async function runPage({ folder, steps }: PagePlan): Promise<string> {
  process.chdir(folder);
  const client = new Client({ connectionString: process.env["DATABASE_URL"] });
  await client.connect();
  await client.query(CLEAR);
  let line = 0;
  let stop: Stop | undefined;
  try {
    for (const step of steps) {
      line = step.line;
      if (step.kind === "module") await stop?.();
      stop = await runStep(client, step, stop);
    }
    await stop?.();
    return "";
  } catch (error) {
    return `line ${line}: ${error instanceof Error ? error.stack : String(error)}`;
  } finally {
    await client.end();
  }
}

/** Gives what stops the module that runs afterwards. */
async function runStep(client: Client, step: Step, stop: Stop | undefined): Promise<Stop | undefined> {
  switch (step.kind) {
    case "module":
      return startModule(step.file);
    case "sql":
      await client.query(step.sql);
      return stop;
    case "expect":
      await until(() => gives(client, step), { timeoutMs: stop ? WORK_MS : 0, what: () => step.sql });
      return stop;
    default:
      return step satisfies never;
  }
}

/** Compares the rows, as a text like `1, todo; 2, doing`. */
async function gives(client: Client, expected: Extract<Step, { kind: "expect" }>): Promise<boolean> {
  const { rows } = await client.query<unknown[]>({ text: expected.sql, rowMode: "array" });
  assert.equal(rows.map((row) => row.map(String).join(", ")).join("; "), expected.gives);
  return true;
}

/** Resolves when a module has ended, or has a worker that runs until it is asked to stop: its signals tell. */
async function startModule(file: string): Promise<Stop | undefined> {
  const others = process.listenerCount("SIGTERM");
  const state = { isDone: false };
  const done = import(pathToFileURL(file).href).finally(() => {
    state.isDone = true;
  });
  const isSettled = (): boolean => state.isDone || process.listenerCount("SIGTERM") > others;
  await Promise.race([done, until(isSettled, { timeoutMs: MODULE_MS, what: () => `${file} ends` })]);
  if (state.isDone) return undefined;
  return async () => {
    process.emit("SIGTERM");
    await done;
  };
}
