import { createHash } from "node:crypto";
import { PGlite } from "@electric-sql/pglite";
import { PrismaPg } from "@prisma/adapter-pg";
import pg from "pg";
import { PrismaPGlite } from "pglite-prisma-adapter";
import {
  type PrismaDatabase,
  type PrismaTransaction,
  prismaConnector,
  statementNameGenerator as queueNameGenerator,
} from "../../../prisma/index.ts";
import type { Connector } from "../../../src/connector.ts";
import { readMigrations } from "../migrations.ts";
import { PrismaClient } from "./generated/client/client.ts";
import { PrismaClient as JsClient } from "./generated/client-js/index.js";

/** A Prisma client on one adapter, with the queue's tables. */
export interface PrismaConnection {
  readonly prisma: PrismaDatabase;
  readonly connector: Connector<PrismaTransaction>;
  close(): Promise<void>;
}

export const TIME_ZONE = "America/New_York";

/** Both generators and adapters, each in a session whose time zone is not UTC. */
export const PRISMA_CONNECTIONS: Readonly<Record<string, (url: string) => Promise<PrismaConnection>>> = {
  "prisma-client on adapter-pg": async (url) =>
    overPool(url, (pool) => new PrismaClient({ adapter: new PrismaPg(pool) })),
  "prisma-client-js, extended, on adapter-pg": async (url) =>
    overPool(url, (pool) => extend(new JsClient({ adapter: new PrismaPg(pool) }))),
  "prisma-client on adapter-pg that names statements": async (url) =>
    overPool(url, (pool) => new PrismaClient({ adapter: new PrismaPg(pool, { statementNameGenerator }) })),
  "prisma-client on adapter-pg that names as the queue says": async (url) =>
    overPool(url, (pool) => {
      const adapter = new PrismaPg(pool, { statementNameGenerator: queueNameGenerator(statementNameGenerator) });
      return new PrismaClient({ adapter });
    }),
  "prisma-client on PGlite": async () => overPGlite((lite) => new PrismaClient({ adapter: new PrismaPGlite(lite) })),
};

/** As Prisma's documentation has it. */
export function statementNameGenerator({ sql }: { readonly sql: string }): string {
  return createHash("sha1").update(sql).digest("hex");
}

/** With one of each kind of extension that sees queries. */
function extend(client: JsClient) {
  return client
    .$extends({ client: { $hello: () => "hello" } })
    .$extends({ query: { $allOperations: ({ args, query }) => query(args) } })
    .$extends({ result: { note: { shout: { needs: { text: true }, compute: ({ text }) => text.toUpperCase() } } } });
}

export function openPool(url: string, config: pg.PoolConfig = {}): pg.Pool {
  return new pg.Pool({ connectionString: url, max: 6, options: `-c TimeZone=${TIME_ZONE}`, ...config });
}

function overPool(url: string, open: (pool: pg.Pool) => PrismaDatabase): PrismaConnection {
  const pool = openPool(url);
  const prisma = open(pool);
  return connection(prisma, prismaConnector(prisma, { listen: pool }), () => pool.end());
}

async function overPGlite(open: (lite: PGlite) => PrismaDatabase): Promise<PrismaConnection> {
  const lite = await PGlite.create();
  await lite.exec(`set timezone = '${TIME_ZONE}'`);
  await lite.exec(readMigrations());
  const prisma = open(lite);
  return connection(prisma, prismaConnector(prisma, { listen: lite }), () => lite.close());
}

function connection(
  prisma: PrismaDatabase,
  connector: Connector<PrismaTransaction>,
  end: () => Promise<void>,
): PrismaConnection {
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= end());
  return { prisma, connector, close };
}
