import { SchemaMismatchError } from "../errors.ts";
import { Loop, type Service } from "../service.ts";
import { beatWorker, registerWorker, SCHEMA_VERSION, unregisterWorker } from "../sql/beat-worker.ts";
import { findSchemaVersion } from "../sql/check-schema.ts";
import type { QueueSql } from "../sql/statement.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** The worker's row: its heartbeat, and whether it wants to be notified. */
export class WorkerPresence implements Service {
  readonly #runtime: WorkerRuntime;
  readonly #heartbeat: Loop;
  #idle = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(runtime: WorkerRuntime) {
    this.#runtime = runtime;
    const { clock, options, health } = runtime;
    this.#heartbeat = new Loop({
      clock,
      step: async () => {
        await this.#beat();
        health.ok();
        return options.heartbeatIntervalMs;
      },
      onError: (error) => health.failed(error),
    });
  }

  get isIdle(): boolean {
    return this.#idle;
  }

  /** @throws SchemaMismatchError when the tables are missing, older or newer than this package. */
  async start(): Promise<void> {
    const { sql, options, identity } = this.#runtime;
    await checkSchemaVersion(sql);
    const { id } = await registerWorker(sql, options);
    identity.id = id;
    await this.#heartbeat.start();
  }

  async stop(): Promise<void> {
    await this.#heartbeat.stop();
    await this.#writing;
  }

  /** Removes the row: nothing is left to rescue. */
  async unregister(): Promise<void> {
    await unregisterWorker(this.#runtime.sql, this.#runtime.identity.id);
  }

  /** Says whether the worker waits for notifications; resolves when that is visible to all transactions. */
  async setIdle(idle: boolean): Promise<void> {
    if (this.#idle === idle) return;
    this.#idle = idle;
    try {
      await this.#beat();
    } catch (error) {
      // Nobody knows, so it is not so; the loop says it again.
      this.#idle = !idle;
      throw error;
    }
  }

  /** One after the other, each with the state of that moment, so that an older one never overwrites a newer one. */
  #beat(): Promise<void> {
    const { sql, options, identity } = this.#runtime;
    const beat = this.#writing.then(() => beatWorker(sql, { ...options, id: identity.id, idle: this.#idle }));
    this.#writing = beat.catch(() => undefined);
    return beat;
  }
}

/** @throws SchemaMismatchError when the tables are missing, older or newer than this package. */
export async function checkSchemaVersion(sql: QueueSql): Promise<void> {
  const version = await findSchemaVersion(sql);
  if (version === SCHEMA_VERSION) return;
  const { jobs } = sql.tables;
  if (version === undefined) {
    throw new SchemaMismatchError(
      `The queue's tables (${jobs}, …) are missing. Add them to your ORM's schema and run its migrations; ` +
        "with tables elsewhere, say so in createApp({ tables }).",
    );
  }
  const fix =
    version < SCHEMA_VERSION
      ? "Generate a migration with your ORM's migrator and run it."
      : "Update the package procrastinate in this app.";
  throw new SchemaMismatchError(
    `The queue's tables (${jobs}, …) have version ${version}; this package is made for version ${SCHEMA_VERSION}. ${fix}`,
  );
}
