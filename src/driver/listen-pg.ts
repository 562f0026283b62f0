import type { NotificationHandler, Unlisten } from "../connector.ts";
import { ConnectorError } from "../errors.ts";
import { quoteIdentifier } from "../sql/statement.ts";
import type { PgClient, PgNotification, PgPool } from "./driver-client.ts";
import { ignoreErrors } from "./survive-loss.ts";

/** A pool may hand out a connection that a firewall forgot: LISTEN is then never answered. */
const ANSWER_MS = 5000;
/** How many connections of a pool listen. */
const listening = new WeakMap<PgPool, number>();

/**
 * Listens on a connection of a node-postgres pool, which is closed afterwards: given back it would go on receiving.
 * Undefined when the pool would have no connection left for the app.
 */
export async function listenOnPool(
  pool: PgPool,
  channel: string,
  handler: NotificationHandler,
  answerMs = ANSWER_MS,
): Promise<Unlisten | undefined> {
  const count = (change: number): number => {
    const sum = (listening.get(pool) ?? 0) + change;
    listening.set(pool, sum);
    return sum;
  };
  if (count(1) >= (pool.options?.max ?? Number.POSITIVE_INFINITY)) {
    count(-1);
    return undefined;
  }
  const client = await pool.connect().catch((error: unknown) => {
    count(-1);
    throw error;
  });
  const free = async (): Promise<void> => {
    count(-1);
    client.release(true);
  };
  return listenOn(client, channel, handler, free, answerMs);
}

/** Listens on the one client that the app works with. */
export async function listenOnClient(
  client: PgClient,
  channel: string,
  handler: NotificationHandler,
): Promise<Unlisten> {
  return listenOn(client, channel, handler, async () => {
    // The client may be lost, and then listens no more.
    await client.query(`unlisten ${quoteIdentifier(channel)}`).catch(() => undefined);
  });
}

/**
 * Calls `free` once: when listening fails, ends or is lost.
 *
 * @param answerMs How long the answer to LISTEN may take. Default: for ever.
 */
export async function listenOn(
  client: PgClient,
  channel: string,
  handler: NotificationHandler,
  free: () => Promise<void>,
  answerMs?: number,
): Promise<Unlisten> {
  let state: "connecting" | "listening" | "over" = "connecting";
  const onNotification = (message: PgNotification): void => {
    if (message.channel === channel) handler.onNotification(message.payload ?? "");
  };
  const stop = async (isLost = false): Promise<void> => {
    if (state === "over") return;
    state = "over";
    client.off("notification", onNotification);
    client.off("error", onLost);
    client.off("end", onEnd);
    // Ended with a query under way, a client cuts its connection off; with none it waits for the goodbye of Postgres.
    if (isLost) client.query(`unlisten ${quoteIdentifier(channel)}`).catch(() => undefined);
    await free();
  };
  const onLost = (error: unknown): void => {
    // A connection that is terminated says so up to three times.
    if (state !== "listening") return;
    void stop();
    handler.onLost(error);
  };
  const onEnd = (): void => onLost(new Error("The listening connection was closed."));
  ignoreErrors(client);
  client.on("notification", onNotification);
  client.on("error", onLost);
  client.on("end", onEnd);
  try {
    const answer = client.query(`listen ${quoteIdentifier(channel)}`);
    await (answerMs === undefined ? answer : inTime(answer, answerMs));
  } catch (error) {
    await stop();
    throw error;
  }
  state = "listening";
  handler.onListening();
  return stop;
}

function inTime(answer: Promise<unknown>, ms: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const silence = `LISTEN was not answered within ${ms} ms. The connection may be half-open; the next one is tried.`;
    const timer = setTimeout(() => reject(new ConnectorError(silence)), ms);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
