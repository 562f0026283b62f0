import { DatabaseError } from "../database-error.ts";
import { ConnectorError, ProcrastinateError } from "../errors.ts";
import type { DriverClient } from "./driver-client.ts";

/**
 * What drivers over HTTP say, in a bare error that has nothing else to tell it by. It must not pass for a lost
 * connection, whose return a worker would wait for.
 */
const NO_TRANSACTIONS = /\btransactions (?:are not supported|support in)\b/i;

/** The error for what an ORM threw: one of ours stays what it is. */
export function explainFailure(what: string, error: unknown, client: DriverClient | undefined): ProcrastinateError {
  if (error instanceof ProcrastinateError) return error;
  const failure = new DatabaseError(what, error);
  // Postgres still answers those who have a connection of a pool that is closing.
  if (failure.sqlState !== undefined) return failure;
  if (NO_TRANSACTIONS.test(failure.message)) {
    const fix = "Use one that has them: node-postgres or postgres.js; with Prisma, @prisma/adapter-pg.";
    return new ConnectorError(`The driver has no interactive transactions (${what}). ${fix}`, { cause: error });
  }
  if (!isClosed(error, client)) return failure;
  const fix = "Stop the workers and wait for what is deferred before you close it.";
  return new ConnectorError(`The connection pool of the app is closed (${what}). ${fix}`, { cause: error });
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

/** The code of the error itself or of the one that an ORM wrapped. */
function codeOf(error: unknown): string | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    if ("code" in current && typeof current.code === "string" && !(current instanceof ProcrastinateError))
      return current.code;
  }
  return undefined;
}
