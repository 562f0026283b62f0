import { PrismaPg } from "@prisma/adapter-pg";
import { Pool } from "pg";
import { env } from "./env.ts";
import { PrismaClient } from "./generated/prisma/client.ts";

/** One per process: the web server's requests, the worker's jobs and the queue itself share it. */
export const pool = new Pool({ connectionString: env.DATABASE_URL, max: env.WORKER_CONCURRENCY + 5 });

// Without a listener a connection that is lost while idle would end the process. The pool opens a new one.
pool.on("error", (error) => console.error(`A database connection was lost: ${error.message}`));

export const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
