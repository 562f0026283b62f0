import { PrismaPg } from "@prisma/adapter-pg";
import type { SQL } from "drizzle-orm";
import { drizzle as drizzleNodePostgres } from "drizzle-orm/node-postgres";
import { bigint, pgTable, text, timestamp } from "drizzle-orm/pg-core";
import { drizzle as drizzlePostgresJs } from "drizzle-orm/postgres-js";
import pg from "pg";
import postgres from "postgres";
import type { Payload } from "../contender.ts";
import { type Prisma, PrismaClient } from "../prisma/generated/client.ts";

/** The app's own table, for business transactions. */
const orders = pgTable("orders", {
  id: bigint({ mode: "bigint" }).primaryKey().generatedAlwaysAsIdentity(),
  customer: text().notNull(),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});

const CREATE_ORDERS = `create table orders (
  id bigint generated always as identity primary key, customer text not null, created_at timestamptz not null default now())`;

/** What the app reaches Postgres through. */
export const drivers = ["node-postgres", "postgres.js", "prisma"] as const;
export type Driver = (typeof drivers)[number];

/** What all contenders need of a drizzle transaction, whatever its driver. */
export interface DrizzleTx {
  execute(query: SQL): PromiseLike<unknown>;
  rollback(): never;
}

export interface DrizzleDb {
  execute(query: SQL): PromiseLike<unknown>;
  transaction<T>(work: (tx: DrizzleTx) => Promise<T>): Promise<T>;
}

export type PrismaTx = Prisma.TransactionClient;
export type BusinessTx =
  | { readonly orm: "drizzle"; readonly tx: DrizzleTx }
  | { readonly orm: "prisma"; readonly tx: PrismaTx };

/** The app that a queue is added to. */
export type BusinessApp = BusinessActions &
  (
    | { readonly orm: "drizzle"; readonly db: DrizzleDb }
    | { readonly orm: "prisma"; readonly prisma: PrismaClient; readonly pool: pg.Pool }
  );

interface BusinessActions {
  /** Commits one order and what `andAlso` does, together. */
  order(payload: Payload, andAlso?: (tx: BusinessTx) => Promise<unknown>): Promise<void>;
  close(): Promise<void>;
}

/** What a worker of 24 handlers asks for; about what graphile-worker tuned has (25). */
export const POOL_SIZE = 28;

export function openBusinessApp(driver: Driver, url: string): Promise<BusinessApp> {
  switch (driver) {
    case "node-postgres":
      return openNodePostgres(url);
    case "postgres.js":
      return openPostgresJs(url);
    case "prisma":
      return openPrisma(url);
    default:
      return driver satisfies never;
  }
}

async function openNodePostgres(url: string): Promise<BusinessApp> {
  const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE });
  const db = drizzleNodePostgres({ client: pool });
  await pool.query("select 1");
  return {
    orm: "drizzle",
    db,
    order: (payload, andAlso) =>
      db.transaction(async (tx) => {
        await tx.insert(orders).values({ customer: payload.text }).returning();
        await andAlso?.({ orm: "drizzle", tx });
      }),
    close: () => pool.end(),
  };
}

async function openPostgresJs(url: string): Promise<BusinessApp> {
  const client = postgres(url, { max: POOL_SIZE, onnotice: () => undefined });
  const db = drizzlePostgresJs({ client });
  await client`select 1`;
  return {
    orm: "drizzle",
    db,
    order: (payload, andAlso) =>
      db.transaction(async (tx) => {
        await tx.insert(orders).values({ customer: payload.text }).returning();
        await andAlso?.({ orm: "drizzle", tx });
      }),
    close: () => client.end({ timeout: 2 }),
  };
}

async function openPrisma(url: string): Promise<BusinessApp> {
  const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE });
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
  await pool.query("select 1");
  return {
    orm: "prisma",
    prisma,
    pool,
    order: (payload, andAlso) =>
      prisma.$transaction(async (tx) => {
        await tx.order.create({ data: { customer: payload.text } });
        await andAlso?.({ orm: "prisma", tx });
      }),
    close: async () => {
      await prisma.$disconnect();
      await pool.end();
    },
  };
}

export async function runSql(url: string, statements: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statements);
  await client.end();
}

export function createOrders(url: string): Promise<void> {
  return runSql(url, CREATE_ORDERS);
}
