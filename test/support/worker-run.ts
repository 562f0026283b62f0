import type { App } from "../../src/app.ts";
import type { Worker } from "../../src/worker/worker.ts";
import type { WorkerOptions } from "../../src/worker/worker-options.ts";

/**
 * Short intervals, so that what takes half a minute in production takes a fraction of a second here. But a worker that
 * lives is silent for some hundred milliseconds, too, where the machine is busy.
 */
export const FAST: WorkerOptions = {
  installSignalHandlers: false,
  heartbeatInterval: { milliseconds: 50 },
  stalledAfter: { seconds: 10 },
  abortPollingInterval: { milliseconds: 50 },
  shutdownGrace: { seconds: 5 },
  abandonAfter: { seconds: 5 },
};

/** For tests in which workers are taken for dead, or would be. */
export const QUICK_RESCUE: WorkerOptions = { stalledAfter: { milliseconds: 400 } };

export interface StartedWorker extends AsyncDisposable {
  readonly worker: Worker;
  readonly done: Promise<void>;
}

/** Runs a worker in the background; `await using` stops it at the end of the block. */
export function startWorker<Tx>(app: App<Tx>, options: WorkerOptions = {}): StartedWorker {
  const worker = app.createWorker({ ...FAST, ...options });
  const done = worker.run();
  // Awaited by the test, or by the end of the block.
  done.catch(() => undefined);
  return { worker, done, [Symbol.asyncDispose]: () => worker.stop() };
}

/** A promise that the test settles itself. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
