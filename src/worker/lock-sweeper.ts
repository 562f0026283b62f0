import { Loop, type Service } from "../service.ts";
import { sweepLocks } from "../sql/sweep-locks.ts";
import type { JobCompleter } from "./job-completer.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

const PAGE = 1000;
const PAUSE_MS = 60_000;

/** Finds locks whose next job was not let run, because its worker died between releasing the lock and saying so. */
export class LockSweeper implements Service {
  readonly #loop: Loop;
  #from = "";

  constructor(runtime: WorkerRuntime, completer: JobCompleter) {
    const { sql, clock, health, random } = runtime;
    const step = async (): Promise<number> => {
      const { idle, next } = await sweepLocks(sql, { from: this.#from, limit: PAGE });
      health.ok();
      completer.promote(idle);
      this.#from = next ?? "";
      return next === undefined ? PAUSE_MS * (0.5 + random()) : 1000;
    };
    this.#loop = new Loop({ clock, step, onError: (error) => health.failed(error) });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }
}
