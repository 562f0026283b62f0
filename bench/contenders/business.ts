import type { SQL } from "drizzle-orm";
import pg from "pg";
import type { Payload } from "../contender.ts";
import type { Prisma, PrismaClient } from "../prisma/generated/client.ts";

/** The app's own table, for business transactions; `apps/drizzle-orders.ts` and the Prisma schema describe it. */
const CREATE_ORDERS = `create table orders (
  id bigint generated always as identity primary key, customer text not null, created_at timestamptz not null default now())`;

/** What the app reaches Postgres through. */
export const drivers = ["node-postgres", "postgres.js", "prisma"] as const;
export type Driver = (typeof drivers)[number];

/** What all contenders need of a drizzle transaction, whatever its driver. */
export interface DrizzleTx {
  execute(query: SQL | string): PromiseLike<unknown>;
  rollback(): never;
}

export interface DrizzleDb {
  execute(query: SQL | string): PromiseLike<unknown>;
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
export const POOL_SIZE = 29;

export async function openBusinessApp(driver: Driver, url: string): Promise<BusinessApp> {
  switch (driver) {
    case "node-postgres":
      return (await import("../apps/node-postgres.ts")).openNodePostgres(url);
    case "postgres.js":
      return (await import("../apps/postgres-js.ts")).openPostgresJs(url);
    case "prisma":
      return (await import("../apps/prisma.ts")).openPrisma(url);
    default:
      return driver satisfies never;
  }
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
