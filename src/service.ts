import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "./clock.ts";

/** After so many steps without a sleep the loop lets the rest of the process have its turn. */
const STEPS_IN_A_ROW = 100;

/** Something with a lifetime. `stop` may be called at any time and more than once. */
export interface Service {
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface LoopOptions {
  readonly clock: Clock;
  /** Does one round and says how many milliseconds to sleep before the next. */
  readonly step: () => Promise<number>;
  /** A step threw: says how many milliseconds to sleep before the next. */
  readonly onError: (error: unknown) => number;
}

/** Repeats a step with sleeps between that `wake` cuts short, until it is stopped. Never two steps at once. */
export class Loop implements Service {
  readonly #options: LoopOptions;
  #running: Promise<void> | undefined;
  #stopping = false;
  #woken = false;
  #endSleep: (() => void) | undefined;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    if (!this.#stopping) this.#running ??= this.#run();
  }

  /** Lets the next step begin now; during a step, right after it. */
  wake(): void {
    this.#woken = true;
    this.#endSleep?.();
  }

  /** Ends the loop after the step that is under way. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#endSleep?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let steps = 1; !this.#stopping; steps++) {
      this.#woken = false;
      const sleepMs = await this.#options.step().catch(this.#options.onError);
      if (!this.#woken && !this.#stopping && sleepMs > 0) await this.#sleep(sleepMs);
      // A step that waits for nothing would keep sockets, timers and signals from ever being looked at.
      else if (steps % STEPS_IN_A_ROW === 0) await nextTurn();
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.#endSleep = undefined;
        resolve();
      };
      // An endless sleep still needs a timer, or node could exit under a worker that waits.
      const cancel = this.#options.clock.timer(ms, end);
      this.#endSleep = end;
    });
  }
}
