import { inject } from "vitest";
import { runSql, withDatabase } from "./run-sql.ts";

export interface TestDatabase {
  readonly name: string;
  readonly url: string;
  /** Ends whatever is still connected. */
  drop(): Promise<void>;
}

let created = 0;

/**
 * Creates a database with the queue's tables, for one test file.
 *
 * @param options.empty without the tables. Default: false.
 */
export async function createTestDatabase(options: { readonly empty?: boolean } = {}): Promise<TestDatabase> {
  const { url, template } = inject("postgres");
  const name = `${template}_${process.pid}_${++created}`;
  await runSql(url, `create database ${name} template ${options.empty ? "template0" : template}`);
  return {
    name,
    url: withDatabase(url, name),
    drop: async () => {
      await runSql(url, `drop database if exists ${name} with (force)`);
    },
  };
}
