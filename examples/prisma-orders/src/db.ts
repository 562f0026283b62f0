import { PrismaPg } from "@prisma/adapter-pg";
import { Pool } from "pg";
import { statementNameGenerator } from "procrastinate/prisma";
import { env } from "./env.ts";
import { PrismaClient } from "./generated/prisma/client.ts";

/** One per process: the web server's requests, the worker's jobs and the queue itself share it. */
export const pool = new Pool({ connectionString: env.DATABASE_URL, max: env.WORKER_CONCURRENCY + 5 });

// Without a listener a connection that is lost while idle would end the process. The pool opens a new one.
pool.on("error", (error) => console.error(`A database connection was lost: ${error.message}`));

// Deferring a job costs half when its statement is prepared. Leave this out behind a pooler that shares sessions.
const adapter = new PrismaPg(pool, { statementNameGenerator: statementNameGenerator() });

export const prisma = new PrismaClient({ adapter });
