import type { NotificationHandler, Unlisten } from "../src/connector.ts";
import { quoteIdentifier } from "../src/sql/statement.ts";

/** postgres.js: keeps a connection of its own for listening, and reconnects it by itself. */
interface PostgresJs {
  listen(
    channel: string,
    onNotification: (payload: string) => void,
    onListening: () => void,
  ): Promise<{ unlisten(): Promise<void> }>;
}

/** PGlite: one session in the process, which cannot be lost. It does not quote the channel. */
interface PGlite {
  exec(sql: string): Promise<unknown>;
  listen(channel: string, onNotification: (payload: string) => void): Promise<() => Promise<void>>;
}

interface PgEmitter {
  on(event: string, listener: (argument: PgMessage) => void): unknown;
  off(event: string, listener: (argument: PgMessage) => void): unknown;
}

/** What node-postgres hands to listeners: a notification, or an error. */
interface PgMessage {
  readonly channel?: string;
  readonly payload?: string;
}

/** node-postgres: a client, checked out of a pool or the app's only one. */
interface PgClient extends PgEmitter {
  query(sql: string): Promise<unknown>;
  release?(destroy: boolean): void;
}

interface PgPool extends PgEmitter {
  connect(): Promise<PgClient>;
  readonly totalCount: number;
  readonly options?: { readonly max?: number };
}

/** Listens with the driver client under a Drizzle database; undefined where it has none that can. */
export async function listen(
  client: unknown,
  channel: string,
  handler: NotificationHandler,
): Promise<Unlisten | undefined> {
  if (isPGlite(client)) {
    let listening = true;
    const unlisten = await client.listen(quoteIdentifier(channel), (payload) => {
      // Its unlisten does not find a channel that was quoted, so what still comes is dropped here.
      if (listening) handler.onNotification(payload);
    });
    handler.onListening();
    return async () => {
      listening = false;
      await unlisten();
    };
  }
  if (isPostgresJs(client)) {
    const { unlisten } = await client.listen(
      channel,
      (payload) => handler.onNotification(payload),
      () => handler.onListening(),
    );
    return unlisten;
  }
  if (isPgPool(client)) {
    // The app itself would never get the only connection of such a pool.
    if (client.options?.max === 1) return undefined;
    return listenWithPg(await client.connect(), channel, handler);
  }
  return isPgClient(client) ? listenWithPg(client, channel, handler) : undefined;
}

async function listenWithPg(client: PgClient, channel: string, handler: NotificationHandler): Promise<Unlisten> {
  const onNotification = (message: PgMessage): void => {
    if (message.channel === channel) handler.onNotification(message.payload ?? "");
  };
  // Without a listener an 'error' event would end the process. It comes once more on release, so it stays on.
  const onError = (error: unknown): void => handler.onLost(error);
  const onEnd = (): void => handler.onLost(new Error("The listening connection was closed"));
  client.on("notification", onNotification);
  client.on("error", onError);
  client.on("end", onEnd);
  try {
    await client.query(`listen ${quoteIdentifier(channel)}`);
  } catch (error) {
    client.release?.(true);
    throw error;
  }
  handler.onListening();
  return async () => {
    client.off("notification", onNotification);
    client.off("end", onEnd);
    // A connection that listened is not given back to the pool, where it would go on receiving.
    if (client.release) client.release(true);
    else await client.query(`unlisten ${quoteIdentifier(channel)}`);
  };
}

type Shape = Readonly<Record<string, unknown>>;

function has(value: unknown, ...methods: readonly string[]): value is Shape {
  const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
  return isObject && methods.every((method) => typeof (value as Shape)[method] === "function");
}

function isPGlite(client: unknown): client is PGlite {
  return has(client, "listen", "exec");
}

function isPostgresJs(client: unknown): client is PostgresJs {
  return has(client, "listen") && !isPGlite(client);
}

function isPgPool(client: unknown): client is PgPool {
  return has(client, "connect", "on") && "totalCount" in client;
}

function isPgClient(client: unknown): client is PgClient {
  return has(client, "query", "on") && !isPgPool(client);
}
