import { Loop, type Service } from "../service.ts";
import { listPausedQueues } from "../sql/list-paused-queues.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** Every pause is notified. This is for connections that are dead without anybody having noticed. */
const LISTENING_MS = 30_000;
const DEAF_MS = 5000;

/**
 * Knows which queues are paused. It reads them when the worker starts, when it is told of a change, when it begins to
 * listen, and now and then; no fetch asks for them.
 */
export class PausedQueues implements Service {
  readonly #runtime: WorkerRuntime;
  readonly #isListening: () => boolean;
  readonly #onChanged: (resumed: readonly string[]) => void;
  readonly #loop: Loop;
  #names: ReadonlySet<string> = new Set();
  #isFresh = false;

  /** @param onChanged Queues were paused or resumed since the worker started. */
  constructor(runtime: WorkerRuntime, isListening: () => boolean, onChanged: (resumed: readonly string[]) => void) {
    this.#runtime = runtime;
    this.#isListening = isListening;
    this.#onChanged = onChanged;
    const { clock, health } = runtime;
    this.#loop = new Loop({ clock, step: () => this.#step(), onError: (error) => health.failed(error) });
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  get names(): readonly string[] {
    return [...this.#names];
  }

  get isEmpty(): boolean {
    return this.#names.size === 0;
  }

  /** @throws SchemaMismatchError, DatabaseError */
  async start(): Promise<void> {
    this.#names = new Set(await listPausedQueues(this.#runtime.sql));
    this.#isFresh = true;
    await this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Something may have changed. */
  refresh(): void {
    this.#loop.wake();
  }

  async #step(): Promise<number> {
    const { sql, options, health, events } = this.#runtime;
    const pauseMs = this.#isListening() ? LISTENING_MS : (options.pollingIntervalMs ?? DEAF_MS);
    if (this.#isFresh) {
      this.#isFresh = false;
      return pauseMs;
    }
    const names = new Set(await listPausedQueues(sql));
    health.ok();
    const paused = [...names].filter((name) => !this.#names.has(name));
    const resumed = [...this.#names].filter((name) => !names.has(name));
    this.#names = names;
    for (const queue of paused) events.emit("queue_paused", { queue });
    for (const queue of resumed) events.emit("queue_resumed", { queue });
    if (paused.length + resumed.length > 0) this.#onChanged(resumed);
    return pauseMs;
  }
}
