import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { type BusinessApp, POOL_SIZE } from "../contenders/business.ts";
import { orders } from "./drizzle-orders.ts";

export async function openPostgresJs(url: string): Promise<BusinessApp> {
  const client = postgres(url, { max: POOL_SIZE, onnotice: () => undefined });
  const db = drizzle({ client });
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
