import type { NotificationHandler, Unlisten } from "../connector.ts";
import type { PostgresJs } from "./driver-client.ts";

/** One channel of a client, listened to once for all handlers. */
interface Channel {
  readonly handlers: Set<NotificationHandler>;
  isListening: boolean;
  /** Undefined until postgres.js listened for the first time. */
  unlisten: (() => Promise<unknown>) | undefined;
  readonly attempted: Promise<void>;
}

const clients = new WeakMap<PostgresJs, Map<string, Channel>>();

/**
 * Listens with postgres.js, which has a connection of its own for that beside its pool. It reconnects it by itself,
 * without a word of the loss, and closes it with the client only.
 *
 * Registered is once per channel: postgres.js keeps what it was told to listen to even when that failed, to try again,
 * and after a reconnection its own unlisten finds nothing. A handler that was taken out of `handlers` hears nothing.
 */
export async function listenWithPostgresJs(
  client: PostgresJs,
  name: string,
  handler: NotificationHandler,
): Promise<Unlisten> {
  const channels = clients.get(client) ?? new Map<string, Channel>();
  clients.set(client, channels);
  const channel = channels.get(name) ?? openChannel(client, name);
  channels.set(name, channel);
  channel.handlers.add(handler);
  if (channel.isListening) handler.onListening();
  await channel.attempted;
  return async (isLost = false) => {
    channel.handlers.delete(handler);
    // postgres.js finds that out by TCP keep-alive, and reconnects; whatever is sent there meanwhile puts that off.
    if (isLost) channel.isListening = false;
    if (channel.handlers.size > 0 || channel.unlisten === undefined || !channel.isListening) return;
    if (channels.get(name) !== channel) return;
    channels.delete(name);
    // Not awaited: while the database is away it would take until it is back.
    channel.unlisten().catch(() => undefined);
  };
}

function openChannel(client: PostgresJs, name: string): Channel {
  const handlers = new Set<NotificationHandler>();
  const onListening = (): void => {
    channel.isListening = true;
    for (const handler of handlers) handler.onListening();
  };
  const listening = client.listen(
    name,
    (payload) => {
      // It was taken for lost, and was only slow.
      if (!channel.isListening) onListening();
      for (const handler of handlers) handler.onNotification(payload);
    },
    onListening,
  );
  const attempted = listening.then(
    ({ unlisten }) => {
      channel.unlisten = unlisten;
    },
    (error: unknown) => {
      for (const handler of handlers) handler.onLost(error);
    },
  );
  const channel: Channel = { handlers, isListening: false, unlisten: undefined, attempted };
  return channel;
}
