import type { Random, WallClock } from "../clock.ts";
import type { Connector } from "../connector.ts";
import type { WorkerEvents } from "../events.ts";
import type { Logger } from "../logger.ts";
import type { Service } from "../service.ts";
import type { KeptMs } from "../sql/delete-old-jobs.ts";
import type { QueueSql, TableNames } from "../sql/statement.ts";
import type { Deferrer } from "../task/deferrer.ts";
import type { TaskRegistry } from "../task/task-registry.ts";
import type { DatabaseHealth } from "./database-health.ts";
import type { ResolvedWorkerOptions } from "./worker-options.ts";

/** A part of a worker that the app hands in. */
export interface WorkerService extends Service {
  /** Something that it looks after was changed by somebody else. */
  wake(): void;
}

/** What an app hands to its workers. */
export interface WorkerApp {
  readonly connector: Connector<object>;
  readonly tables: TableNames;
  readonly tasks: TaskRegistry;
  readonly deferrer: Deferrer<object>;
  readonly logger: Logger;
  /** How long finished jobs are kept; undefined for ever. */
  readonly retention: KeptMs | undefined;
  readonly clock: WallClock;
  readonly random: Random;
  /** Makes what each worker does beside its jobs. */
  readonly services: readonly ((runtime: WorkerRuntime) => WorkerService)[];
}

/** What the parts of one worker share. */
export interface WorkerRuntime extends WorkerApp {
  readonly sql: QueueSql;
  readonly options: ResolvedWorkerOptions;
  readonly events: WorkerEvents;
  readonly health: DatabaseHealth;
  /** Who this worker is in the workers table; 0 until it is registered. */
  readonly identity: { id: bigint };
  /** Asks the worker to stop, and does not wait for it. */
  requestStop(): void;
}
