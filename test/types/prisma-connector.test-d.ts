import type { PGlite } from "@electric-sql/pglite";
import { PrismaPg } from "@prisma/adapter-pg";
import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { prismaConnector, withProcrastinate } from "../../prisma/index.ts";
import { createApp, defineTask } from "../../src/index.ts";
import { PrismaClient } from "../support/prisma/generated/client/client.ts";
import { PrismaClient as JsClient } from "../support/prisma/generated/client-js/index.js";

const pool = new pg.Pool();
const adapter = new PrismaPg(pool);
const prisma = new PrismaClient({ adapter });
const js = new JsClient({ adapter });
const task = defineTask({ name: "t", run: ({ id }: { id: string }) => id });
const empty = defineTask({ name: "empty" });
const app = createApp({ connector: prismaConnector(prisma, { listen: pool }), tasks: [task, empty] });

// Clients of both generators are taken without a cast, extended ones too, and so is all that can listen.
prismaConnector(js);
const extended = prisma
  .$extends({ client: { $hello: () => "hello" } })
  .$extends({ query: { $allOperations: ({ args, query }) => query(args) } });
prismaConnector(extended);
declare const lite: PGlite;
prismaConnector(prisma, { listen: lite });
prismaConnector(prisma, { listen: "postgresql://localhost/app" });
// @ts-expect-error a number is nothing to listen with
prismaConnector(prisma, { listen: 5432 });

// Their transactions, too, and those inside of another one.
void prisma.$transaction((tx) => app.defer(task, { id: "1" }, { tx }));
void js.$transaction((tx) => app.defer(task, { id: "1" }, { tx }));
void extended.$transaction((tx) => app.defer(task, { id: "1" }, { tx }));
void prisma.$transaction((tx) => tx.$transaction((savepoint) => app.defer(task, { id: "1" }, { tx: savepoint })));

// @ts-expect-error outside of the transaction a job would not roll back with it
void prisma.$transaction(() => app.defer(task, { id: "1" }, { tx: prisma }));
// @ts-expect-error the same for an extended client
void extended.$transaction(() => app.defer(task, { id: "1" }, { tx: extended }));
const db = drizzle(pool);
// @ts-expect-error a Drizzle database is no Prisma client
prismaConnector(db);
// @ts-expect-error a transaction of another ORM is none of this one
void db.transaction((tx) => app.defer(task, { id: "1" }, { tx }));
// @ts-expect-error a job that was deferred already is no query of a batch
void prisma.$transaction([app.defer(task, { id: "1" })]);

const queue = prisma.$extends(withProcrastinate(app));
const jsQueue = js.$extends({ client: { $hello: () => "hello" } }).$extends(withProcrastinate(app));

export async function deferred(): Promise<void> {
  const id: bigint = await queue.$defer(task, { id: "1" }, { priority: 5 });
  const [note, jobId] = await queue.$transaction([
    queue.note.create({ data: { text: "x" } }),
    queue.$defer(task, { id: "1" }),
  ]);
  const text: string = note.text;
  const batchId: bigint = jobId;
  const inside: bigint = await jsQueue.$transaction((tx) => tx.$defer(task, { id: jsQueue.$hello() }));
  await queue.$defer(empty);
  // @ts-expect-error the arguments are missing
  await queue.$defer(task);
  // @ts-expect-error and here they are wrong
  await queue.$defer(task, { id: 1 });
  // @ts-expect-error the transaction is the client that it is called on
  await queue.$transaction((tx) => queue.$defer(task, { id: "1" }, { tx }));
  void [id, text, batchId, inside];
}
