import type { Connector, SqlExecutor, SqlStatement, SqlValue } from "../src/connector.ts";
import { DatabaseError } from "../src/database-error.ts";
import { ConnectorError, describe } from "../src/errors.ts";
import { listen } from "./listen.ts";
import { toDrizzleSql } from "./sql-text.ts";

/**
 * What the callback of `db.transaction` gets, and `db` itself: whatever runs SQL of Drizzle, in any of its versions,
 * whose types of SQL differ.
 */
export interface DrizzleTransaction {
  execute(query: unknown): PromiseLike<unknown>;
}

/** A Drizzle database on Postgres. */
export interface DrizzleDatabase extends DrizzleTransaction {
  transaction<T>(work: (tx: DrizzleTransaction) => Promise<T>): Promise<T>;
  /** The driver's client or pool: postgres.js, node-postgres, PGlite. */
  readonly $client?: unknown;
}

/**
 * Connects the queue to a Drizzle database, on postgres.js, node-postgres or PGlite. Jobs are deferred and worked on
 * through `db`, on its connections; a worker also listens with one of the driver's.
 *
 * @throws ConnectorError when `db` is not a Drizzle database.
 */
export function drizzleConnector(db: DrizzleDatabase): Connector<DrizzleTransaction> {
  if (typeof db?.execute !== "function" || typeof db.transaction !== "function") {
    throw new ConnectorError(
      `drizzleConnector(db): ${describe(db)} is not a Drizzle database. Pass what drizzle(…) gave.`,
    );
  }
  return {
    name: "drizzle",
    pool: executor(db),
    using(tx) {
      if (typeof tx?.execute === "function") return executor(tx);
      const fix = "is not a transaction of Drizzle. Pass the tx of db.transaction(async (tx) => …).";
      throw new ConnectorError(`tx: ${describe(tx)} ${fix}`);
    },
    async transaction(work) {
      // Drizzle wraps what goes wrong with begin and commit as little as what `work` throws.
      return db.transaction(work);
    },
    listen: (channel, handler) => listen(db.$client, channel, handler),
  };
}

function executor(db: DrizzleTransaction): SqlExecutor {
  return {
    async query<Row extends object>(statement: SqlStatement, values: readonly SqlValue[]) {
      try {
        return rowsOf(await db.execute(toDrizzleSql(statement, values))) as readonly Row[];
      } catch (error) {
        throw new DatabaseError(statement.name, error);
      }
    },
  };
}

/** postgres.js gives an array, node-postgres and PGlite an object with rows. */
function rowsOf(result: unknown): readonly unknown[] {
  if (Array.isArray(result)) return result;
  if (typeof result === "object" && result !== null && "rows" in result && Array.isArray(result.rows))
    return result.rows;
  throw new TypeError(`The driver gave ${describe(result)} instead of rows`);
}
