import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { PrismaPg } from "@prisma/adapter-pg";
import type { AnyTask } from "procrastinate";
import { type Child, killLeftChildren, spawnChild } from "../../../test/support/child.ts";
import { runSql, withDatabase } from "../../../test/support/run-sql.ts";
import { openPostgres } from "../../../test/support/temporary-postgres.ts";
import { until } from "../../../test/support/until.ts";
import { type OutsideWorld, startOutsideWorld } from "../../orders-demo/outside-world.ts";
import { PrismaClient } from "../src/generated/prisma/client.ts";

/** Where `procrastinate` resolves to the sources: the tsconfig of the repository says so. */
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const EXAMPLE = fileURLToPath(new URL("../", import.meta.url));
const PRISMA = createRequire(import.meta.url).resolve("prisma/build/index.js");
const SCHEMA_ENGINE = fileURLToPath(new URL("../../../test/support/prisma/schema-engine.mjs", import.meta.url));
/** Short, so that the demo need not wait for half a minute until a killed worker is taken for dead. */
const STALLED_AFTER_SECONDS = "1";

/** What the demo plays on: a database of its own, the outside world, and processes of the example. */
export interface Stage {
  readonly database: { readonly name: string; readonly version: string; readonly origin: string };
  readonly prisma: PrismaClient;
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
  const prisma = new PrismaClient({ adapter: new PrismaPg(url) });
  // Not awaited: a step that broke off may hold a connection. It ends with the database.
  undo.push(async () => void prisma.$disconnect());
  const world = await startOutsideWorld();
  undo.push(async () => world.stop());
  undo.push(killLeftChildren);
  migrate(url);
  const [server] = await runSql<{ server_version: string }>(url, "show server_version");
  const origin = process.env["DATABASE_URL"] ? "of DATABASE_URL" : "started for this demo";
  return {
    database: { name, version: server?.server_version.split(" ")[0] ?? "", origin },
    prisma,
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

/** As a deployment does. */
function migrate(url: string): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PRISMA, "migrate", "deploy"], {
    cwd: EXAMPLE,
    encoding: "utf8",
    env: { ...process.env, DATABASE_URL: url, PRISMA_SCHEMA_ENGINE_BINARY: SCHEMA_ENGINE, CHECKPOINT_DISABLE: "1" },
  });
  if (status !== 0) throw new Error(`prisma migrate deploy: ${stdout}${stderr}`);
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
export async function jobOf({ prisma }: Stage, orderId: string, task: AnyTask) {
  return prisma.procrastinateJob.findFirstOrThrow({
    where: { taskName: task.name, args: { path: ["orderId"], equals: orderId } },
    orderBy: { id: "asc" },
  });
}
