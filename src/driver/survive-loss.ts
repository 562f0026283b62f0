import type { DriverClient, PgClient, PgPool } from "./driver-client.ts";

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
  takeBackEnded(found.client);
}

/** Once for each and for good: a pool gives out the same clients again and again. */
export function ignoreErrors(emitter: ErrorEmitter): void {
  if (guarded.has(emitter)) return;
  guarded.add(emitter);
  emitter.on("error", () => undefined);
}

/** A client that is checked out. */
interface Holdable extends PgClient {
  release?(destroy?: boolean): void;
}

/**
 * Gives connections that were closed while checked out back to their pool. Drizzle 0.45 never does where a transaction
 * cannot even begin: each lost connection would make the pool smaller, until everything waits for ever. Whoever holds
 * one may give it back, too.
 */
function takeBackEnded(pool: PgPool): void {
  const held = new WeakSet<Holdable>();
  const watched = new WeakSet<Holdable>();
  pool.on("release", (_error, client) => held.delete(client));
  pool.on("acquire", (client: Holdable) => {
    held.add(client);
    if (watched.has(client)) return;
    watched.add(client);
    // Later, as most give it back themselves.
    client.on("end", () => setImmediate(() => held.has(client) && takeBack(client)));
  });
}

function takeBack(client: Holdable): void {
  client.release?.(true);
  // A second time would throw, instead of what went wrong.
  client.release = () => undefined;
}
