import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { and, asc, eq, sql } from "drizzle-orm";
import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import { Pool } from "pg";
import type { AnyTask } from "procrastinate";
import { type Child, killLeftChildren, spawnChild } from "../../../test/support/child.ts";
import { runSql, withDatabase } from "../../../test/support/run-sql.ts";
import { openPostgres } from "../../../test/support/temporary-postgres.ts";
import { until } from "../../../test/support/until.ts";
import { type OutsideWorld, startOutsideWorld } from "../../orders-demo/outside-world.ts";
import * as schema from "../src/schema.ts";

/** Where `procrastinate` resolves to the sources: the tsconfig of the repository says so. */
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const MIGRATIONS = fileURLToPath(new URL("../migrations", import.meta.url));
/** Short, so that the demo need not wait for half a minute until a killed worker is taken for dead. */
const STALLED_AFTER_SECONDS = "1";

/** What the demo plays on: a database of its own, the outside world, and processes of the example. */
export interface Stage {
  readonly database: { readonly name: string; readonly version: string; readonly origin: string };
  readonly db: NodePgDatabase<typeof schema>;
  readonly world: OutsideWorld;
  spawn(script: "server.ts" | "worker.ts", name: string): Child;
}

/** What has to be undone, the last first. */
const undo: (() => Promise<unknown>)[] = [];

/** Builds the stage. What it made goes with `clearStage`, also when this throws. */
export async function buildStage(): Promise<Stage> {
  const postgres = await openPostgres();
  undo.push(() => postgres.stop());
  const name = `procrastinate_demo_${randomBytes(4).toString("hex")}`;
  undo.push(() => runSql(postgres.url, `drop database if exists ${name} with (force)`));
  await runSql(postgres.url, `create database ${name}`);
  const url = withDatabase(postgres.url, name);
  const pool = new Pool({ connectionString: url });
  // Not awaited: a step that broke off may hold a connection. It ends with the database.
  undo.push(async () => void pool.end());
  // Dropping the database ends what is connected, which is no news here.
  pool.on("error", () => undefined);
  const world = await startOutsideWorld();
  undo.push(async () => world.stop());
  undo.push(killLeftChildren);
  const db = drizzle(pool, { schema });
  await migrate(db, { migrationsFolder: MIGRATIONS });
  const [server] = await runSql<{ server_version: string }>(url, "show server_version");
  const origin = process.env["DATABASE_URL"] ? "of DATABASE_URL" : "started for this demo";
  return {
    database: { name, version: server?.server_version.split(" ")[0] ?? "", origin },
    db,
    world,
    spawn: (script, workerName) =>
      spawnChild(new URL(`../src/${script}`, import.meta.url), {
        cwd: ROOT,
        env: {
          DATABASE_URL: url,
          SERVICES_URL: world.url,
          PORT: "0",
          WORKER_NAME: workerName,
          WORKER_STALLED_AFTER_SECONDS: STALLED_AFTER_SECONDS,
        },
      }),
  };
}

let cleared: Promise<void> | undefined;

/** Leaves no process, no database and no folder, wherever the demo was. */
export function clearStage(): Promise<void> {
  // Once: an interruption and the step that fails of it both come here, and the order matters.
  cleared ??= undoAll();
  return cleared;
}

async function undoAll(): Promise<void> {
  for (let step = undo.pop(); step; step = undo.pop()) {
    await step().catch((error: unknown) => console.error(`Cleaning up: ${String(error)}`));
  }
}

/** Waits until the check gives something. A busy machine may be slow; nothing is expected of how fast it is. */
export function eventually<T>(check: () => T | Promise<T>) {
  return until(check, { timeoutMs: 30_000 });
}

/** The job of a task that an order deferred. */
export async function jobOf({ db }: Stage, orderId: string, task: AnyTask) {
  const { procrastinateJobs: jobs } = schema;
  const ofOrder = and(eq(jobs.taskName, task.name), sql`${jobs.args} ->> 'orderId' = ${orderId}`);
  const [job] = await db.select().from(jobs).where(ofOrder).orderBy(asc(jobs.id));
  if (!job) throw new Error(`Order ${orderId} has no job of ${task.name}`);
  return job;
}
