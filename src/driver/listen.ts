import type { NotificationHandler, Unlisten } from "../connector.ts";
import type { DriverClient } from "./driver-client.ts";
import { listenOnClient, listenOnPool } from "./listen-pg.ts";
import { listenWithPGlite } from "./listen-pglite.ts";
import { listenWithPostgresJs } from "./listen-postgres-js.ts";

/** Listens with the client of a driver; undefined where there is none that can. */
export async function listen(
  found: DriverClient | undefined,
  channel: string,
  handler: NotificationHandler,
): Promise<Unlisten | undefined> {
  switch (found?.driver) {
    case "postgres.js":
      return listenWithPostgresJs(found.client, channel, handler);
    case "pglite":
      return listenWithPGlite(found.client, channel, handler);
    case "pg-pool":
      return listenOnPool(found.client, channel, handler);
    case "pg-client":
      return listenOnClient(found.client, channel, handler);
    case undefined:
      return undefined;
  }
}
