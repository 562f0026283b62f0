import { ShutdownTimeoutError, TaskNotRunnableError } from "../errors.ts";
import { type WorkerEvent, type WorkerEventMap, WorkerEvents } from "../events.ts";
import { logEvents } from "../log-events.ts";
import { checkLogger } from "../logger.ts";
import { queueSql } from "../sql/statement.ts";
import { limitAnswers } from "./answer-limit.ts";
import { DatabaseHealth } from "./database-health.ts";
import { onShutdownSignal } from "./shutdown-signals.ts";
import { resolveWorkerOptions, type WorkerOptions } from "./worker-options.ts";
import { WorkerParts } from "./worker-parts.ts";
import type { WorkerApp, WorkerRuntime } from "./worker-runtime.ts";

/**
 * Runs the jobs of an app. Made by `app.createWorker`; runs once.
 *
 * State: new → running (`run`) → stopping (`stop`, a signal, or nothing left with `wait: false`) → stopped.
 */
export class Worker implements AsyncDisposable {
  readonly #runtime: WorkerRuntime;
  readonly #parts: WorkerParts;
  #run: Promise<void> | undefined;
  #requestStop: () => void = () => undefined;
  readonly #stopRequested: Promise<void>;

  /** @throws InvalidOptionError; TaskNotRunnableError when no task of the app has a `run` function. */
  constructor(app: WorkerApp, options: WorkerOptions) {
    const [contract] = app.tasks.names;
    if (contract !== undefined && !app.tasks.hasRunnable) throw new TaskNotRunnableError(contract);
    const logger = checkLogger(options.logger ?? app.logger);
    const events = new WorkerEvents(logger);
    logEvents(events, logger);
    const resolved = resolveWorkerOptions(options);
    const { stalledAfterMs } = resolved;
    const pool = limitAnswers(app.connector.pool, { stalledAfterMs, onLate: () => this.#parts.answeredLate() });
    this.#runtime = {
      ...app,
      logger,
      sql: queueSql(pool, app.tables),
      options: resolved,
      events,
      health: new DatabaseHealth(app.clock, app.random, events),
      identity: { id: 0n },
      requestStop: () => this.#requestStop(),
    };
    this.#stopRequested = new Promise((resolve) => {
      this.#requestStop = resolve;
    });
    this.#parts = new WorkerParts(this.#runtime, () => this.#requestStop());
  }

  /** Calls `listener` at each event of that name until the returned function is called. */
  on<Name extends WorkerEvent>(name: Name, listener: (event: WorkerEventMap[Name]) => void): () => void {
    return this.#runtime.events.on(name, listener);
  }

  /**
   * Whether the database answers, and refuses nothing that the worker cannot do without. A worker that lost it waits and
   * goes on when it is back.
   */
  get isHealthy(): boolean {
    return this.#runtime.health.isGood;
  }

  /**
   * Works until it is stopped; resolves when all that ran is written.
   *
   * @throws SchemaMismatchError, DatabaseError when it cannot start; ShutdownTimeoutError when handlers ignored their
   * signal at the end.
   */
  run(): Promise<void> {
    this.#run ??= this.#runOnce();
    return this.#run;
  }

  /**
   * Stops: takes no further jobs, lets the running ones end within the grace period, then aborts their signals; what
   * is interrupted waits again. Resolves when `run` does, and may be called at any time and more than once.
   */
  async stop(): Promise<void> {
    this.#requestStop();
    await this.#run;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #runOnce(): Promise<void> {
    const { options, events, identity } = this.#runtime;
    const { name: worker, queues } = options;
    const removeSignals = options.installSignalHandlers ? onShutdownSignal(this.#requestStop) : () => undefined;
    try {
      await this.#parts.start();
      events.emit("start_worker", { worker, workerId: identity.id, queues });
      await this.#stopRequested;
      events.emit("stopping_worker", { worker });
      const abandoned = await this.#parts.stop();
      events.emit("stop_worker", { worker });
      if (abandoned.length > 0) throw new ShutdownTimeoutError(abandoned);
    } finally {
      removeSignals();
    }
  }
}
