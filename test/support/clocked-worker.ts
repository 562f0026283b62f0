import type pg from "pg";
import type { Connector } from "../../src/connector.ts";
import { silentLogger } from "../../src/index.ts";
import { tableNames } from "../../src/sql/statement.ts";
import type { AnyTask } from "../../src/task/task.ts";
import { TaskRegistry } from "../../src/task/task-registry.ts";
import { Worker } from "../../src/worker/worker.ts";
import type { WorkerOptions } from "../../src/worker/worker-options.ts";
import { ManualClock } from "./manual-clock.ts";
import type { TestQueue } from "./test-queue.ts";

export interface ClockedWorker extends AsyncDisposable {
  readonly worker: Worker;
  readonly clock: ManualClock;
  readonly done: Promise<void>;
}

const LONG: WorkerOptions = {
  heartbeatInterval: { hours: 1 },
  stalledAfter: { hours: 2 },
  pollingInterval: { hours: 1 },
  installSignalHandlers: false,
};

/** Runs a worker on a clock that stands still: it never polls, and begins only what it is told of. */
export function startClockedWorker(
  queue: TestQueue,
  tasks: readonly AnyTask[],
  { connector = queue.connector, ...options }: WorkerOptions & { readonly connector?: Connector<pg.PoolClient> } = {},
): ClockedWorker {
  const clock = new ManualClock();
  const parts = {
    ...{ connector, tables: tableNames(), tasks: new TaskRegistry(tasks), deferrer: queue.app(tasks) },
    ...{ logger: silentLogger, retention: undefined, clock, random: () => 0.5, services: [] },
  };
  const worker = new Worker(parts as never, { ...LONG, ...options });
  const done = worker.run();
  return { worker, clock, done, [Symbol.asyncDispose]: () => worker.stop().then(() => done) };
}
