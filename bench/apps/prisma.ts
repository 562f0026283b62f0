import { PrismaPg } from "@prisma/adapter-pg";
import pg from "pg";
import { statementNameGenerator } from "procrastinate/prisma";
import { type BusinessApp, POOL_SIZE } from "../contenders/business.ts";
import { PrismaClient } from "../prisma/generated/client.ts";

export async function openPrisma(url: string): Promise<BusinessApp> {
  const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE });
  const prisma = new PrismaClient({
    adapter: new PrismaPg(pool, { statementNameGenerator: statementNameGenerator() }),
  });
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
