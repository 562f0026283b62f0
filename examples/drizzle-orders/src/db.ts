import { drizzle } from "drizzle-orm/node-postgres";
import { Pool } from "pg";
import { env } from "./env.ts";
import * as schema from "./schema.ts";

/** One per process: the web server's requests, the worker's jobs and the queue itself share it. */
export const pool = new Pool({ connectionString: env.DATABASE_URL, max: env.WORKER_CONCURRENCY + 5 });

// Without a listener a connection that is lost while idle would end the process. The pool opens a new one.
pool.on("error", (error) => console.error(`A database connection was lost: ${error.message}`));

export const db = drizzle({ client: pool, schema });

export type Tx = Parameters<Parameters<typeof db.transaction>[0]>[0];
