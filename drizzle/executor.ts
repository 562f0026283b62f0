import type { SqlExecutor, SqlStatement, SqlValue } from "../src/connector.ts";
import { DatabaseError } from "../src/database-error.ts";
import { ConnectorError, describe, ProcrastinateError } from "../src/errors.ts";
import type { DriverClient } from "./driver-client.ts";
import { toDrizzleSql } from "./sql-text.ts";

interface DrizzleExecutor {
  execute(query: unknown): PromiseLike<unknown>;
}

/** Runs statements through a Drizzle database or transaction. */
export function executor(drizzle: DrizzleExecutor, client: DriverClient | undefined): SqlExecutor {
  return {
    async query<Row extends object>(statement: SqlStatement, values: readonly SqlValue[]) {
      try {
        return rowsOf(await drizzle.execute(toDrizzleSql(statement, values))) as readonly Row[];
      } catch (error) {
        throw explainFailure(statement.name, error, client);
      }
    },
  };
}

/** The error for what Drizzle threw: one of ours stays what it is. */
export function explainFailure(what: string, error: unknown, client: DriverClient | undefined): ProcrastinateError {
  if (error instanceof ProcrastinateError) return error;
  const failure = new DatabaseError(what, error);
  // Postgres still answers those who have a connection of a pool that is closing.
  if (failure.sqlState !== undefined || !isClosed(error, client)) return failure;
  const fix = "Stop the workers and wait for what is deferred before you close it.";
  return new ConnectorError(`${what}: the connection pool of the app is closed. ${fix}`, { cause: error });
}

/** Whether the app closed its pool: nothing will ever work again. */
function isClosed(error: unknown, found: DriverClient | undefined): boolean {
  switch (found?.driver) {
    case "pg-pool":
      return found.client.ending === true;
    case "pglite":
      return found.client.closed === true;
    case "postgres.js":
      return codeOf(error) === "CONNECTION_ENDED";
    default:
      return false;
  }
}

/** Whether postgres.js says that the connection of this statement is closed, or Postgres that it is about to be. */
export function isCutOff(error: unknown): boolean {
  const code = codeOf(error);
  return code === "CONNECTION_CLOSED" || /^57P0/.test(code ?? "");
}

/** The code of the error itself or of the one that Drizzle wrapped. */
function codeOf(error: unknown): string | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    if ("code" in current && typeof current.code === "string" && !(current instanceof ProcrastinateError))
      return current.code;
  }
  return undefined;
}

/** postgres.js gives an array, node-postgres and PGlite an object with rows. */
function rowsOf(result: unknown): readonly unknown[] {
  if (Array.isArray(result)) return result;
  if (typeof result === "object" && result !== null && "rows" in result && Array.isArray(result.rows)) {
    return result.rows;
  }
  throw new ConnectorError(
    `The driver gave ${describe(result)} instead of rows. Use postgres.js, node-postgres or PGlite.`,
  );
}
