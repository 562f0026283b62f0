import { afterAll, describe, expect, test } from "vitest";
import { type AppFolder, createAppFolder } from "../support/app-folder.ts";

const folders: AppFolder[] = [];
afterAll(() => {
  for (const folder of folders) folder.remove();
});

/** What an app writes; an error of the compiler is a failure of the test, and so is one that was expected and is none. */
const APP = `
import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { bigint, pgTable } from "drizzle-orm/pg-core";
import pg from "pg";
import { createApp, defineTask, type JsonObject } from "procrastinate";
import { createProcrastinateTables, drizzleConnector } from "procrastinate/drizzle";
import { procrastinateEvents, procrastinateJobs, procrastinateWorkers } from "procrastinate/drizzle/schema";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Status = "todo" | "doing" | "succeeded" | "failed" | "cancelled" | "aborted";
const db = drizzle({ client: new pg.Pool() });
const users = pgTable("users", {
  id: bigint({ mode: "bigint" }).primaryKey(),
  jobId: bigint("job_id", { mode: "bigint" }).references(() => procrastinateJobs.id),
});

const [job] = await db.select().from(procrastinateJobs).where(eq(procrastinateJobs.status, "todo"));
export const row: Equal<typeof job & {}, {
  id: bigint; queueName: string; taskName: string; priority: number; lock: string | null; queueingLock: string | null; mutex: boolean;
  args: JsonObject; status: Status; scheduledAt: Date | null; attempts: number; abortRequested: boolean;
  workerId: bigint | null; lease: number; rescues: number; deferredAt: Date; startedAt: Date | null;
  finishedAt: Date | null; result: unknown; progress: unknown; ready: boolean; wakeAt: Date | null; queueingKey: string | null;
  runningLock: string | null;
}> = true;
const [worker] = await db.select().from(procrastinateWorkers);
export const queues: Equal<(typeof worker & {})["queues"], string[] | null> = true;

const [inner] = await db.select({ id: users.id, status: procrastinateJobs.status }).from(users)
  .innerJoin(procrastinateJobs, eq(users.jobId, procrastinateJobs.id));
export const joined: Equal<typeof inner & {}, { id: bigint; status: Status }> = true;
const [left] = await db.select({ id: users.id, status: procrastinateJobs.status }).from(users)
  .leftJoin(procrastinateJobs, eq(users.jobId, procrastinateJobs.id));
export const leftJoined: Equal<typeof left & {}, { id: bigint; status: Status | null }> = true;

await db.insert(procrastinateEvents).values({ jobId: 1n, type: "failed" });
await db.insert(procrastinateJobs).values({ taskName: "t", args: { list: [1, null] } });
// @ts-expect-error the name of the task is missing
await db.insert(procrastinateJobs).values({ queueName: "q" });
// @ts-expect-error no such status
await db.update(procrastinateJobs).set({ status: "done" });

const custom = createProcrastinateTables({ schema: "queue", prefix: "pq_" });
export const schemaName: "queue" = custom.procrastinateSchema.schemaName;
export const tableName: Equal<(typeof custom.procrastinateJobs)["_"]["name"], "pq_jobs"> = true;
export const publicSchema: undefined = createProcrastinateTables({ schema: "public" }).procrastinateSchema;

const task = defineTask({ name: "t", run: ({ id }: { id: string }) => id });
const app = createApp({ connector: drizzleConnector(db), tasks: [task] });
await db.transaction((tx) => app.defer(task, { id: "1" }, { tx }));
// @ts-expect-error outside of the transaction a job would not roll back with it
await db.transaction(() => app.defer(task, { id: "1" }, { tx: db }));
`;

const RELATIONS_OF_0 = `
import { relations } from "drizzle-orm";
const usersRelations = relations(users, ({ one }) => ({
  job: one(queue.procrastinateJobs, { fields: [users.jobId], references: [queue.procrastinateJobs.id] }),
}));
const db = drizzle({ client: new pg.Pool(), schema: { ...queue, users, usersRelations } });
`;
const RELATIONS_OF_1 = `
import { defineRelations } from "drizzle-orm";
const relations = defineRelations({ ...queue, users }, (r) => ({
  users: { job: r.one.procrastinateJobs({ from: r.users.jobId, to: r.procrastinateJobs.id }) },
}));
const db = drizzle({ client: new pg.Pool(), relations });
`;
const relationsApp = (relations: string) => `
import { drizzle } from "drizzle-orm/node-postgres";
import { bigint, pgTable } from "drizzle-orm/pg-core";
import pg from "pg";
import * as queue from "procrastinate/drizzle/schema";
const users = pgTable("users", {
  id: bigint({ mode: "bigint" }).primaryKey(),
  jobId: bigint("job_id", { mode: "bigint" }).references(() => queue.procrastinateJobs.id),
});
${relations}
const [user] = await db.query.users.findMany({ with: { job: { columns: { taskName: true } } } });
export const taskName: string | undefined = user?.job?.taskName;
// @ts-expect-error this column was not asked for
user?.job?.status;
`;

const CONFIG = {
  compilerOptions: {
    target: "es2023",
    module: "nodenext",
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: ["node"],
    preserveSymlinks: true,
  },
  include: ["*.ts"],
};

// The package is built with 0.45, and its declarations must be right for an app with another major, too.
describe.each([
  ["0.45", "drizzle-orm", RELATIONS_OF_0],
  ["1.0 rc", "drizzle-orm-next", RELATIONS_OF_1],
])("an app on drizzle-orm %s", (_major, installed, relations) => {
  test("has the types of rows, joins, relations and transactions", async () => {
    const folder = createAppFolder({ "drizzle-orm": installed });
    folders.push(folder);
    folder.write("tsconfig.json", JSON.stringify(CONFIG));
    folder.write("app.ts", APP);
    folder.write("relations.ts", relationsApp(relations));
    expect(await folder.run("typescript/bin/tsc", [], {})).toEqual({ code: 0, output: "" });
  });
});
