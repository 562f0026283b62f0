import type { PGlite } from "@electric-sql/pglite";
import { drizzle } from "drizzle-orm/node-postgres";
import { drizzle as drizzleLite } from "drizzle-orm/pglite";
import { drizzle as drizzleJs } from "drizzle-orm/postgres-js";
import { drizzle as nextNode } from "drizzle-orm-next/node-postgres";
import { drizzle as nextLite } from "drizzle-orm-next/pglite";
import { drizzle as nextJs } from "drizzle-orm-next/postgres-js";
import pg from "pg";
import postgres from "postgres";
import { drizzleConnector } from "../../drizzle/index.ts";
import { createApp, defineTask } from "../../src/index.ts";

const pool = new pg.Pool();
const js = postgres();
declare const lite: PGlite;
const db = drizzle(pool, { schema: {} });
const task = defineTask({ name: "t", run: ({ id }: { id: string }) => id });
const app = createApp({ connector: drizzleConnector(db), tasks: [task] });

// The databases of both majors and drivers are taken without a cast.
drizzleConnector(drizzleJs(js));
drizzleConnector(nextNode({ client: pool }));
drizzleConnector(nextJs({ client: js }));
drizzleConnector(drizzleLite(lite));
drizzleConnector(nextLite({ client: lite }));

// The transactions, too.
void db.transaction((tx) => app.defer(task, { id: "1" }, { tx }));
void drizzleJs(js).transaction((tx) => app.defer(task, { id: "1" }, { tx }));
void nextNode({ client: pool }).transaction((tx) => app.defer(task, { id: "1" }, { tx }));
void nextJs({ client: js }).transaction((tx) => app.defer(task, { id: "1" }, { tx }));
void drizzleLite(lite).transaction((tx) => app.defer(task, { id: "1" }, { tx }));
void nextLite({ client: lite }).transaction((tx) => app.defer(task, { id: "1" }, { tx }));
// Also those inside of another one.
void db.transaction((tx) => tx.transaction((savepoint) => app.defer(task, { id: "1" }, { tx: savepoint })));

interface PrismaLike {
  $queryRawUnsafe(query: string): Promise<unknown>;
  $transaction<T>(work: (tx: PrismaLike) => Promise<T>): Promise<T>;
}
declare const prisma: PrismaLike;
// @ts-expect-error a Prisma client is no Drizzle database
drizzleConnector(prisma);
// @ts-expect-error a transaction of another ORM is none of this one
void prisma.$transaction((tx) => app.defer(task, { id: "1" }, { tx }));
// @ts-expect-error outside of the transaction a job would not roll back with it
void db.transaction(() => app.defer(task, { id: "1" }, { tx: db }));
