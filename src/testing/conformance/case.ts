import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type AnyTask,
  type App,
  type AppOptions,
  type Connector,
  createApp,
  type SqlExecutor,
  type SqlValue,
  silentLogger,
} from "../../index.ts";

/** What a case works with: the connector, and names that no other case has. */
export interface Scene<Tx extends object> {
  readonly connector: Connector<Tx>;
  /** A queue of the case's own. Workers of the case work on this one only. */
  readonly queue: string;
  app(tasks: readonly AnyTask[], options?: Partial<AppOptions<Tx>>): App<Tx>;
}

/** One behaviour that is asked of every connector. */
export interface CaseDefinition {
  readonly name: string;
  /** `sessions`: at least two at once. `listen`: a connector that listens. */
  readonly needs?: "sessions" | "listen";
  check<Tx extends object>(scene: Scene<Tx>): Promise<void>;
}

export function createScene<Tx extends object>(connector: Connector<Tx>): Scene<Tx> {
  return {
    connector,
    queue: `conformance-${randomUUID()}`,
    app: (tasks, options = {}) => createApp({ connector, tasks, logger: silentLogger, ...options }),
  };
}

/** Runs SQL that is no statement of the queue. */
export function query<Row extends object>(
  executor: SqlExecutor,
  text: string,
  values: readonly SqlValue[] = [],
): Promise<readonly Row[]> {
  return executor.query<Row>({ name: "conformance", text }, values);
}

/** How many jobs a queue has, in whatever state. */
export async function countJobs(executor: SqlExecutor, queue: string): Promise<number> {
  const count = "select count(*)::int as jobs from procrastinate_jobs where queue_name = $1::text";
  const [row] = await query<{ jobs: number }>(executor, count, [queue]);
  return row?.jobs ?? 0;
}

const WAIT_MS = 10_000;
const INTERVAL_MS = 5;

/** Waits until the check gives something truthy. */
export async function eventually(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; !(await check()); waitedMs += INTERVAL_MS) {
    if (waitedMs > WAIT_MS) throw new Error(`Waited ${WAIT_MS} ms in vain until ${what}.`);
    await sleep(INTERVAL_MS);
  }
}
