import type { NotificationHandler, Unlisten } from "../src/connector.ts";
import { describe } from "../src/describe.ts";
import {
  type DriverClient,
  type PGlite,
  type PgPool,
  type PostgresJs,
  recognise,
} from "../src/driver/driver-client.ts";
import { listen } from "../src/driver/listen.ts";
import { listenOn } from "../src/driver/listen-pg.ts";
import { ConnectorError } from "../src/errors.ts";

/** What a worker listens with: the URL of the database, or the pool or client that the app gave to Prisma's adapter. */
export type ListenSource = string | PgPool | PGlite | PostgresJs;

/** @throws ConnectorError when it is none. */
export function recogniseSource(source: unknown): DriverClient | undefined {
  if (source === undefined || typeof source === "string") return undefined;
  const found = recognise(source);
  if (found) return found;
  const fix = "Pass the pg.Pool or PGlite that the adapter works on, or the URL of the database";
  throw new ConnectorError(`prismaConnector(prisma, { listen }): ${describe(source)} cannot listen. ${fix}.`);
}

/** Listens on a connection beside Prisma's, which has no way to hear notifications. Undefined without a source. */
export async function listenWith(
  source: ListenSource | undefined,
  channel: string,
  handler: NotificationHandler,
): Promise<Unlisten | undefined> {
  if (typeof source !== "string") return listen(recogniseSource(source), channel, handler);
  const { Client } = await importPg();
  const client = new Client({ connectionString: source, keepAlive: true });
  await client.connect();
  return listenOn(client, channel, handler, async () => {
    // A connection that is lost cannot say goodbye.
    await client.end().catch(() => undefined);
  });
}

async function importPg() {
  try {
    return (await import("pg")).default;
  } catch (cause) {
    const fix = "Install it, as @prisma/adapter-pg does, or pass a pool instead of a URL";
    throw new ConnectorError(`prismaConnector(prisma, { listen }): the package pg is missing. ${fix}.`, { cause });
  }
}
