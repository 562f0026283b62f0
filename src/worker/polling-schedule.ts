import type { WorkerPresence } from "./worker-presence.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** A worker that found work for so long wants no notifications: each costs the app's transaction that sends it. */
const BUSY_AFTER_MS = 50;
/** After going idle: a transaction that commits later saw nobody idle, so the first polls come soon, then ever later. */
const FIRST_POLL_MS = 10;
const DEAF_POLLING_MS = 1000;
const LISTENING_POLLING_MS = 5000;

/** Says how long a worker sleeps between two looks for jobs, and tells the others whether it is idle. */
export class PollingSchedule {
  readonly #runtime: WorkerRuntime;
  readonly #presence: WorkerPresence;
  readonly #isListening: () => boolean;
  #workSince: number | undefined;
  #pollMs = FIRST_POLL_MS;

  /** @param isListening Whether notifications arrive. */
  constructor(runtime: WorkerRuntime, presence: WorkerPresence, isListening: () => boolean) {
    this.#runtime = runtime;
    this.#presence = presence;
    this.#isListening = isListening;
  }

  /** Whether whoever defers a job tells this worker. */
  get isTold(): boolean {
    return this.#isListening() && this.#presence.isIdle;
  }

  /** There may be work: the polls begin anew. */
  reset(): void {
    this.#pollMs = FIRST_POLL_MS;
  }

  foundWork(): void {
    this.reset();
    if (this.#busyMs() > BUSY_AFTER_MS) this.#setBusy();
  }

  /** All slots are taken: the next free one wakes the loop. */
  whileBusy(): number {
    if (!this.#presence.isIdle) return Number.POSITIVE_INFINITY;
    const busyMs = this.#busyMs();
    if (busyMs <= BUSY_AFTER_MS) return BUSY_AFTER_MS - busyMs + 1;
    this.#setBusy();
    return Number.POSITIVE_INFINITY;
  }

  /** Nothing was found. Before it sleeps the worker says that it is idle, and looks again: both may cross. */
  async whileIdle(): Promise<number> {
    const { options, events } = this.#runtime;
    const isListening = this.#isListening();
    if (isListening && !this.#presence.isIdle) {
      await this.#presence.setIdle(true);
      return 0;
    }
    if (this.#pollMs === FIRST_POLL_MS) events.emit("idle", { worker: options.name });
    const longest = options.pollingIntervalMs ?? (isListening ? LISTENING_POLLING_MS : DEAF_POLLING_MS);
    const pollMs = Math.min(this.#pollMs, longest);
    this.#pollMs = Math.min(this.#pollMs * 2, longest);
    return pollMs;
  }

  /** Nothing more was found. */
  ranDry(): void {
    this.#workSince = undefined;
  }

  #busyMs(): number {
    const now = this.#runtime.clock.now();
    this.#workSince ??= now;
    return now - this.#workSince;
  }

  /** Nobody waits for this: notifications that come nevertheless do no harm. */
  #setBusy(): void {
    const { health } = this.#runtime;
    this.#presence.setIdle(false).catch((error: unknown) => health.failed(error));
  }
}
