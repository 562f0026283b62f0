import { Loop, type Service } from "../service.ts";
import { sweepLocks } from "../sql/sweep-locks.ts";
import type { JobCompleter } from "./job-completer.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

const PAGE = 1000;
const PAUSE_MS = 60_000;
/** Where nobody hears which locks to look at. A page takes milliseconds. */
const DEAF_PAUSE_MS = 5000;
const PAGE_PAUSE_MS = 1000;

/**
 * Finds locks whose next job was not let run, because its worker died between releasing the lock and saying so; and
 * lets the next jobs run of those locks that others name.
 */
export class LockSweeper implements Service {
  readonly #runtime: WorkerRuntime;
  readonly #completer: JobCompleter;
  readonly #isListening: () => boolean;
  readonly #loop: Loop;
  /** Named since the last step: one statement for all that come in one packet. */
  readonly #named = new Set<string>();
  #from = "";
  #sweepAt = Number.NEGATIVE_INFINITY;
  /** A whole sweep is wanted that begins from now on. */
  #isAsked = false;

  /** @param isListening Whether notifications arrive. */
  constructor(runtime: WorkerRuntime, completer: JobCompleter, isListening: () => boolean) {
    this.#runtime = runtime;
    this.#completer = completer;
    this.#isListening = isListening;
    const { clock, health } = runtime;
    this.#loop = new Loop({ clock, step: () => this.#step(), onError: (error) => health.failed(error) });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** The head of this lock may have changed. */
  promote(lock: string): void {
    this.#named.add(lock);
    this.#loop.wake();
  }

  /** The heads of some locks may have changed. A sweep that is under way goes on to its end, and the next follows it. */
  sweep(): void {
    this.#isAsked = true;
    this.#loop.wake();
  }

  async #step(): Promise<number> {
    const { clock } = this.#runtime;
    this.#completer.promote([...this.#named]);
    this.#named.clear();
    if (clock.now() >= this.#sweepAt || this.#isDueAnew) await this.#sweepPage();
    return this.#isDueAnew ? 0 : this.#sweepAt - clock.now();
  }

  get #isDueAnew(): boolean {
    return this.#isAsked && this.#from === "";
  }

  async #sweepPage(): Promise<void> {
    const { sql, health, clock } = this.#runtime;
    const isAsked = this.#isAsked;
    if (this.#from === "") this.#isAsked = false;
    const { idle, next } = await sweepLocks(sql, { from: this.#from, limit: PAGE }).catch((error: unknown) => {
      this.#isAsked ||= isAsked;
      throw error;
    });
    health.ok();
    this.#completer.promote(idle);
    this.#from = next ?? "";
    this.#sweepAt = clock.now() + (next === undefined ? this.#pauseMs : PAGE_PAUSE_MS);
  }

  get #pauseMs(): number {
    const { options, random } = this.#runtime;
    const deafMs = Math.max(options.pollingIntervalMs ?? DEAF_PAUSE_MS, PAGE_PAUSE_MS);
    return (this.#isListening() ? PAUSE_MS : Math.min(deafMs, PAUSE_MS)) * (0.5 + random());
  }
}
