import type { NotificationHandler, Unlisten } from "../connector.ts";
import { quoteIdentifier } from "../sql/statement.ts";
import type { PGlite } from "./driver-client.ts";

/** Listens with PGlite: one session, in this process, which cannot be lost. */
export async function listenWithPGlite(
  client: PGlite,
  channel: string,
  handler: NotificationHandler,
): Promise<Unlisten> {
  const onNotification = (payload: string): void => handler.onNotification(payload);
  // It puts the name into the statement as it is.
  const quoted = quoteIdentifier(channel);
  await client.listen(quoted, onNotification);
  handler.onListening();
  return async () => {
    // What its `listen` gives back forgets the quotes, and stops nothing then.
    if (!client.closed) await client.unlisten(quoted, onNotification);
  };
}
