import type { DriverClient } from "./driver-client.ts";

interface ErrorEmitter {
  on(event: "error", listener: () => void): unknown;
}

const guarded = new WeakSet<ErrorEmitter>();

/**
 * Keeps the loss of a connection from ending the process. node-postgres emits 'error' on the pool for a connection that
 * was idle, and on the client for one that was checked out. Drizzle 0.45 listens to neither during a transaction, and
 * an 'error' that nobody listens to is thrown. What waits for an answer is rejected all the same, and listeners of the
 * app hear of the loss as before.
 */
export function surviveLoss(found: DriverClient | undefined): void {
  if (found?.driver === "pg-client") ignoreErrors(found.client);
  if (found?.driver !== "pg-pool" || guarded.has(found.client)) return;
  ignoreErrors(found.client);
  found.client.on("acquire", ignoreErrors);
}

/** Once for each and for good: a pool gives out the same clients again and again. */
export function ignoreErrors(emitter: ErrorEmitter): void {
  if (guarded.has(emitter)) return;
  guarded.add(emitter);
  emitter.on("error", () => undefined);
}
