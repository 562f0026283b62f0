import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { type BusinessApp, POOL_SIZE } from "../contenders/business.ts";
import { orders } from "./drizzle-orders.ts";

export async function openNodePostgres(url: string): Promise<BusinessApp> {
  const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE });
  const db = drizzle({ client: pool });
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
