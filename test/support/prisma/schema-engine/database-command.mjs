import pg from "pg";
import { log } from "./engine.mjs";

const PRISMA_CODES = { "3D000": "P1003", "28P01": "P1000", 28000: "P1010", ECONNREFUSED: "P1001" };

/** `can-connect-to-database`, `create-database` and `drop-database`. Gives the exit code. */
export async function runDatabaseCommand(command, url) {
  const name = decodeURIComponent(new URL(url).pathname.slice(1)) || "postgres";
  try {
    if (command === "can-connect-to-database") {
      await runOn(url, name, "select 1");
      return 0;
    }
    const quoted = `"${name.replaceAll('"', '""')}"`;
    const sql =
      command === "create-database" ? `create database ${quoted}` : `drop database if exists ${quoted} with (force)`;
    await runOn(url, name === "postgres" ? "template1" : "postgres", sql);
    return 0;
  } catch (error) {
    // The CLI reads the last line of stderr, and wants one before it.
    process.stderr.write("failed\n");
    const error_code = PRISMA_CODES[error.code] ?? "P1011";
    log("ERROR", { is_panic: false, error_code, message: error.message || error.code });
    return 1;
  }
}

export async function runOn(url, database, sql) {
  const target = new URL(url);
  target.pathname = `/${database}`;
  const client = new pg.Client({ connectionString: target.href });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
