import { drizzle } from "drizzle-orm/node-postgres";
import { drizzle as drizzleJs } from "drizzle-orm/postgres-js";
import { drizzle as nextNode } from "drizzle-orm-next/node-postgres";
import { drizzle as nextJs } from "drizzle-orm-next/postgres-js";
import pg from "pg";
import postgres from "postgres";
import { drizzleConnector } from "../../drizzle/index.ts";
import { createApp, defineTask } from "../../src/index.ts";

const pool = new pg.Pool();
const js = postgres();
const db = drizzle(pool, { schema: {} });
const task = defineTask({ name: "t", run: ({ id }: { id: string }) => id });
const app = createApp({ connector: drizzleConnector(db), tasks: [task] });

// The databases of both majors and drivers are taken without a cast.
drizzleConnector(drizzleJs(js));
drizzleConnector(nextNode({ client: pool }));
drizzleConnector(nextJs({ client: js }));

// The transactions, too.
void db.transaction((tx) => app.defer(task, { id: "1" }, { tx }));
void drizzleJs(js).transaction((tx) => app.defer(task, { id: "1" }, { tx }));
void nextNode({ client: pool }).transaction((tx) => app.defer(task, { id: "1" }, { tx }));

interface PrismaLike {
  $queryRawUnsafe(query: string): Promise<unknown>;
  $transaction<T>(work: (tx: PrismaLike) => Promise<T>): Promise<T>;
}
declare const prisma: PrismaLike;
// @ts-expect-error a Prisma client is no Drizzle database
drizzleConnector(prisma);
// @ts-expect-error a transaction of another ORM is none of this one
void prisma.$transaction((tx) => app.defer(task, { id: "1" }, { tx }));
