import { drizzle as drizzleNode } from "drizzle-orm/node-postgres";
import { drizzle as drizzleJs } from "drizzle-orm/postgres-js";
import pg from "pg";
import postgres from "postgres";
import type { Connector } from "procrastinate";
import { drizzleConnector } from "procrastinate/drizzle";

/** What a process reaches the database through, each as an app would have it. The workers of a scenario take turns. */
export const DRIVERS = ["node-postgres", "postgres.js", "prisma"] as const;
export type Driver = (typeof DRIVERS)[number];

export interface Connection {
  readonly connector: Connector<object>;
  close(): Promise<unknown>;
}

export interface ConnectionOptions {
  /** Connections of the pool. */
  readonly max: number;
  /** Settings of each session, as libpq has them: `-c default_transaction_isolation=serializable`. */
  readonly settings?: string | undefined;
}

export async function connect(driver: Driver, url: string, options: ConnectionOptions): Promise<Connection> {
  if (driver === "postgres.js") return connectPostgresJs(url, options);
  const { max, settings } = options;
  const pool = new pg.Pool({ connectionString: url, max, ...(settings === undefined ? {} : { options: settings }) });
  // As an app must: node-postgres tells of idle connections that are lost here.
  pool.on("error", () => undefined);
  const close = (): Promise<void> => pool.end();
  if (driver === "node-postgres") return { connector: drizzleConnector(drizzleNode(pool)), close };
  return { connector: await openPrisma(pool), close };
}

/** Loaded by those alone who use it, as it takes a second. */
async function openPrisma(pool: pg.Pool): Promise<Connector<object>> {
  const [{ PrismaPg }, { prismaConnector }, { PrismaClient }] = await Promise.all([
    import("@prisma/adapter-pg"),
    import("procrastinate/prisma"),
    import("../test/support/prisma/generated/client/client.ts"),
  ]);
  return prismaConnector(new PrismaClient({ adapter: new PrismaPg(pool) }), { listen: pool });
}

function connectPostgresJs(url: string, { max, settings }: ConnectionOptions): Connection {
  const connection = settings === undefined ? {} : { connection: { options: settings } };
  // Unnamed statements, as a pooler that shares connections between transactions needs them.
  const sql = postgres(url, {
    max,
    prepare: false,
    backoff: () => 0.5,
    // Otherwise a connection that is lost right after it was made ends the process (postgres.js 3.4.9).
    fetch_types: false,
    onnotice: () => undefined,
    ...connection,
  });
  // Without a limit it waits for ever after a connection was killed during a query (postgres.js 3.4.9).
  return { connector: drizzleConnector(drizzleJs(sql)), close: () => sql.end({ timeout: 1 }) };
}
