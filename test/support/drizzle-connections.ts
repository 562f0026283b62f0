import { PGlite } from "@electric-sql/pglite";
import { drizzle as drizzleNode } from "drizzle-orm/node-postgres";
import { drizzle as drizzleLite } from "drizzle-orm/pglite";
import { drizzle as drizzleJs } from "drizzle-orm/postgres-js";
import { drizzle as nextNode } from "drizzle-orm-next/node-postgres";
import { drizzle as nextLite } from "drizzle-orm-next/pglite";
import { drizzle as nextJs } from "drizzle-orm-next/postgres-js";
import pg from "pg";
import postgres from "postgres";
import { type DrizzleDatabase, type DrizzleTransaction, drizzleConnector } from "../../drizzle/index.ts";
import type { Connector } from "../../src/connector.ts";
import { readMigrations } from "./migrations.ts";

/** A Drizzle database on one driver, with the queue's tables. */
export interface DrizzleConnection {
  readonly db: DrizzleDatabase;
  readonly connector: Connector<DrizzleTransaction>;
  close(): Promise<void>;
}

/** All combinations of Drizzle's majors and drivers, each in a session whose time zone is not UTC. */
export const DRIZZLE_CONNECTIONS: Readonly<Record<string, (url: string) => Promise<DrizzleConnection>>> = {
  "drizzle 0.45 on node-postgres": async (url) => overPool(url, (pool) => drizzleNode(pool)),
  "drizzle 0.45 on postgres.js": async (url) => overPostgresJs(url, (sql) => drizzleJs(sql)),
  "drizzle 0.45 on PGlite": async () => overPGlite((lite) => drizzleLite(lite)),
  "drizzle 1.0 rc on node-postgres": async (url) => overPool(url, (client) => nextNode({ client })),
  "drizzle 1.0 rc on postgres.js": async (url) => overPostgresJs(url, (client) => nextJs({ client })),
  "drizzle 1.0 rc on PGlite": async () => overPGlite((client) => nextLite({ client })),
};

const TIME_ZONE = "America/New_York";

function overPool(url: string, open: (pool: pg.Pool) => DrizzleDatabase): DrizzleConnection {
  const pool = new pg.Pool({ connectionString: url, max: 6, options: `-c TimeZone=${TIME_ZONE}` });
  // As an app must: node-postgres tells of idle connections that are lost here.
  pool.on("error", () => undefined);
  return connection(open(pool), () => pool.end());
}

function overPostgresJs(url: string, open: (sql: postgres.Sql) => DrizzleDatabase): DrizzleConnection {
  const sql = postgres(url, { max: 6, connection: { TimeZone: TIME_ZONE }, onnotice: () => undefined });
  // Without a limit it waits for ever after a connection was killed during a query (postgres.js 3.4.9).
  return connection(open(sql), () => sql.end({ timeout: 1 }));
}

async function overPGlite(open: (lite: PGlite) => DrizzleDatabase): Promise<DrizzleConnection> {
  const lite = await PGlite.create();
  await lite.exec(`set timezone = '${TIME_ZONE}'`);
  await lite.exec(readMigrations());
  return connection(open(lite), () => lite.close());
}

function connection(db: DrizzleDatabase, end: () => Promise<void>): DrizzleConnection {
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= end());
  return { db, connector: drizzleConnector(db), close };
}
