import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { buildPackage } from "./build-package.ts";
import { readMigrations } from "./migrations.ts";
import { runSql, withDatabase } from "./run-sql.ts";
import { openPostgres } from "./temporary-postgres.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** The server of this run, and the database on it that has the queue's tables. */
    readonly postgres: { readonly url: string; readonly template: string };
    /** A folder with the package as npm would publish it, which app folders copy. */
    readonly packageFolder: string;
    /** Where Node keeps what it compiled, for the programs that tests start again and again (from Node 22 on). */
    readonly compileCache: string;
  }
}

/** Vitest calls this once before all tests, and what it returns after them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), "procrastinate-build-"));
  const packageFolder = join(folder, "package");
  const [postgres] = await Promise.all([openPostgres(), buildPackage(packageFolder)]);
  const template = `procrastinate_test_${randomBytes(4).toString("hex")}`;
  await createTemplate(postgres.url, template);
  project.provide("postgres", { url: postgres.url, template });
  project.provide("packageFolder", packageFolder);
  project.provide("compileCache", join(folder, "compiled"));
  return async () => {
    rmSync(folder, { recursive: true, force: true });
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
