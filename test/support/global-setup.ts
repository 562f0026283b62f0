import { randomBytes } from "node:crypto";
import type { TestProject } from "vitest/node";
import { readMigrations } from "./migrations.ts";
import { runSql, withDatabase } from "./run-sql.ts";
import { openPostgres } from "./temporary-postgres.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** The server of this run, and the database on it that has the queue's tables. */
    readonly postgres: { readonly url: string; readonly template: string };
  }
}

/** Vitest calls this once before all tests, and what it returns after them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgres = await openPostgres();
  const template = `procrastinate_test_${randomBytes(4).toString("hex")}`;
  await createTemplate(postgres.url, template);
  project.provide("postgres", { url: postgres.url, template });
  return async () => {
    await dropAll(postgres.url, template);
    await postgres.stop();
  };
}

async function createTemplate(url: string, template: string): Promise<void> {
  await runSql(url, `create database ${template} template template0`);
  await runSql(withDatabase(url, template), readMigrations());
  // A session on the template would make every clone fail.
  await runSql(url, `alter database ${template} with allow_connections false`);
}

/** The server of DATABASE_URL stays, and so would what a test file that broke off has left on it. */
async function dropAll(url: string, template: string): Promise<void> {
  const ours = `select datname as name from pg_database where starts_with(datname, '${template}')`;
  for (const { name } of await runSql<{ name: string }>(url, ours)) {
    await runSql(url, `drop database if exists ${name} with (force)`);
  }
}
