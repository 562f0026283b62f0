import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { expect, test } from "vitest";
import { ALL_JOBS, fillTables, LIVE_JOBS, type Statistics } from "../support/busy-tables.ts";
import { createTestDatabase } from "../support/database.ts";
import {
  BATCH,
  BY_CONDITIONS,
  MANY_QUEUES,
  OF_ALL_LIVE,
  OF_MANY,
  OF_MANY_QUEUES,
  OF_ONE,
} from "../support/hot-statements.ts";
import { costlyNodes, explain, nodesOf, type PlanNode, pagesOf, sentBy } from "../support/query-plans.ts";

/**
 * A tenth of the default of jit_above_cost: Postgres compiles what it expects to cost more than that, which takes longer
 * than the statement. What is expected to cost as much here is expected to cost more before a larger backlog.
 */
const MAX_COST = 10_000;
/** The tables that grow with the work. */
const LARGE_TABLES = ["procrastinate_jobs", "procrastinate_events", "procrastinate_periodic_defers"];
const STATISTICS: readonly Statistics[] = ["none", "of a few waiting jobs", "of finished jobs", "current"];

/** What a statement about a batch may not do, however much stands in the tables. */
function problemsOf(plan: PlanNode, batch: number): string[] {
  // Some look at all workers, schedules or locks that are held, of which there are 300 at most, and each at a few rows
  // per job; a quadratic plan would at more.
  const [rows, pages] = [300 + 5 * batch, 100 + 150 * batch];
  const nodes = nodesOf(plan);
  const isIdle = nodes.every((node) => node["Actual Rows"] * node["Actual Loops"] < batch);
  return [
    ...(isIdle ? ["does not do what it is measured for"] : []),
    ...costlyNodes(plan, rows),
    ...nodes
      .filter((node) => node["Node Type"] === "Seq Scan" && LARGE_TABLES.includes(node["Relation Name"] ?? ""))
      .map((node) => `reads all of ${node["Relation Name"]}`),
    ...(pagesOf(plan) > pages ? [`looks at ${pagesOf(plan)} pages`] : []),
    ...(plan["Total Cost"] > MAX_COST ? [`is expected to cost ${plan["Total Cost"]}`] : []),
    ...(nodes.some((node) => node["Temp Written Blocks"] > 0) ? ["writes temporary files"] : []),
  ];
}

async function withTables(statistics: Statistics, work: (pool: pg.Pool) => Promise<void>): Promise<void> {
  const database = await createTestDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 1 });
  try {
    await fillTables(pool, statistics);
    await work(pool);
  } finally {
    await pool.end();
    await database.drop();
  }
}

/** What is wrong with the plans of statements. */
async function check(
  pool: pg.Pool,
  statements: typeof OF_ONE,
  modes: readonly ("custom" | "generic")[],
  problems: (plan: PlanNode) => string[],
): Promise<string[]> {
  const found: string[] = [];
  for (const [name, send] of Object.entries(statements)) {
    for (const mode of modes) {
      const plan = await explain(pool, await sentBy(send), mode === "generic");
      found.push(...problems(plan).map((problem) => `${name}, ${mode}: ${problem}`));
    }
  }
  return found;
}

test.each(STATISTICS)(
  "what a statement costs depends on its batch, not on the tables, with statistics: %s",
  (statistics) =>
    withTables(statistics, async (pool) => {
      const found = [
        ...(await check(pool, OF_ONE, ["custom", "generic"], (plan) => problemsOf(plan, 1))),
        ...(await check(pool, OF_MANY, ["custom", "generic"], (plan) => problemsOf(plan, BATCH))),
        ...(await check(pool, OF_MANY_QUEUES, ["custom", "generic"], (plan) => problemsOf(plan, BATCH * MANY_QUEUES))),
        // Never sent under a plan that was made without their values: see isWanted.
        ...(await check(pool, BY_CONDITIONS, ["custom"], (plan) => problemsOf(plan, BATCH))),
        // Once over the table is what Postgres takes for cheap where it does not know how much of it is finished.
        ...(await check(pool, OF_ALL_LIVE, ["custom", "generic"], (plan) =>
          costlyNodes(plan, statistics === "current" ? LIVE_JOBS + BATCH : ALL_JOBS + BATCH),
        )),
      ];
      expect(found).toEqual([]);
    }),
);

/** Statements that nothing is to be asserted of, and why. */
const OTHERS = {
  "reads or writes small tables alone": [
    ...[
      "delete_left_schedules",
      "delete_schedule",
      "find_schedule",
      "list_schedules",
      "pause_schedule",
      "see_schedules",
    ],
    ...["skip_ticks", "upsert_schedules", "list_paused_queues", "pause_queue", "resume_queue"],
    ...["register_worker", "unregister_worker"],
  ],
  "reads the catalog, or nothing": [
    "check_rights",
    "check_schema",
    "describe_tables",
    "find_tables_elsewhere",
    "notify_echo",
  ],
  "is asked to look at all jobs": ["count_jobs", "find_deferred_jobs", "shift_times"],
};

test("every statement is looked at here", async () => {
  const folder = fileURLToPath(new URL("../../src/sql/", import.meta.url));
  const declared = readdirSync(folder).flatMap((file) => {
    const found = readFileSync(folder + file, "utf8").matchAll(/\b(?:statement|optionalStatement)\(\s*"(\w+)"/g);
    return [...found].map(([, name]) => name);
  });
  const sends = [OF_ONE, OF_MANY, OF_MANY_QUEUES, BY_CONDITIONS, OF_ALL_LIVE].flatMap((some) => Object.entries(some));
  const sent = new Set<string>(Object.values(OTHERS).flat());
  for (const [name, send] of sends) {
    const { statement } = await sentBy(send);
    expect(name.startsWith(statement.name), `${name} sends ${statement.name}`).toBe(true);
    sent.add(statement.name);
  }
  expect(declared.length).toBeGreaterThan(sends.length / 2);
  expect(declared.filter((name) => name !== undefined && !sent.has(name))).toEqual([]);
});

test("only what is found and done again after a crash is committed without waiting for its flush", async () => {
  const sent = await Promise.all(
    Object.values({ ...OF_ONE, ...OF_MANY, ...BY_CONDITIONS, ...OF_ALL_LIVE }).map(async (send) => {
      const { statement } = await sentBy(send);
      return statement.text.includes("synchronous_commit") ? [statement.name] : [];
    }),
  );
  const unflushed = ["fetch_job", "fetch_jobs", "fetch_jobs_from", "promote_locks", "wake_jobs"];
  expect([...new Set(sent.flat())].sort()).toEqual(unflushed);
});
