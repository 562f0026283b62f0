import type { SQL } from "drizzle-orm";
import { drizzle as drizzleNodePostgres } from "drizzle-orm/node-postgres";
import { bigint, pgTable, text, timestamp } from "drizzle-orm/pg-core";
import { drizzle as drizzlePostgresJs } from "drizzle-orm/postgres-js";
import pg from "pg";
import postgres from "postgres";
import type { Payload } from "../contender.ts";

/** The app's own table, for business transactions. */
const orders = pgTable("orders", {
  id: bigint({ mode: "bigint" }).primaryKey().generatedAlwaysAsIdentity(),
  customer: text().notNull(),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});

const CREATE_ORDERS = `create table orders (
  id bigint generated always as identity primary key, customer text not null, created_at timestamptz not null default now())`;

export const drivers = ["node-postgres", "postgres.js"] as const;
export type Driver = (typeof drivers)[number];

/** What all contenders need of a drizzle transaction, whatever its driver. */
export interface BusinessTx {
  execute(query: SQL): PromiseLike<unknown>;
  rollback(): never;
}

export interface BusinessDb {
  execute(query: SQL): PromiseLike<unknown>;
  transaction<T>(work: (tx: BusinessTx) => Promise<T>): Promise<T>;
}

export interface BusinessApp {
  readonly db: BusinessDb;
  /** Commits one order and what `andAlso` does, together. */
  order(payload: Payload, andAlso?: (tx: BusinessTx) => Promise<unknown>): Promise<void>;
  close(): Promise<void>;
}

/** What a worker of 24 handlers asks for; about what graphile-worker tuned has (25). */
const POOL_SIZE = 28;

/** The app that a queue is added to: drizzle on one of its drivers. */
export async function openBusinessApp(driver: Driver, url: string): Promise<BusinessApp> {
  if (driver === "node-postgres") {
    const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE });
    const db = drizzleNodePostgres({ client: pool });
    await pool.query("select 1");
    return {
      db,
      order: (payload, andAlso) =>
        db.transaction(async (tx) => {
          await tx.insert(orders).values({ customer: payload.text }).returning();
          await andAlso?.(tx);
        }),
      close: () => pool.end(),
    };
  }
  const client = postgres(url, { max: POOL_SIZE, onnotice: () => undefined });
  const db = drizzlePostgresJs({ client });
  await client`select 1`;
  return {
    db,
    order: (payload, andAlso) =>
      db.transaction(async (tx) => {
        await tx.insert(orders).values({ customer: payload.text }).returning();
        await andAlso?.(tx);
      }),
    close: () => client.end({ timeout: 2 }),
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
