import type { SqlStatement, SqlValue } from "../src/connector.ts";
import type { DriverClient } from "../src/driver/driver-client.ts";

/** Sends a statement; resolves to what the driver gives. */
export type Run = (statement: SqlStatement, values: readonly SqlValue[]) => PromiseLike<unknown>;

/** What a Drizzle database or transaction keeps of its driver; not in its types, the same in 0.45 and 1.0. */
interface Session {
  /** The pool, or the connection of the transaction. */
  readonly client?: unknown;
  readonly options?: { readonly logger?: unknown };
}

interface NodePostgres {
  query(query: {
    readonly text: string;
    readonly values: readonly SqlValue[];
    /** That of a prepared statement. */
    readonly name?: string | undefined;
  }): Promise<unknown>;
}

interface PostgresJs {
  unsafe(text: string, values: readonly SqlValue[], options: { readonly prepare: boolean }): PromiseLike<unknown>;
}

/**
 * Sends statements over the connection that Drizzle would use, without building a query for it: that takes 60 to 100 us
 * of a deferral, and a statement has nothing that Drizzle could add. Undefined where the connection is not found, or
 * where the app wants its statements logged: then they go through Drizzle.
 */
export function directRunner(drizzle: object, client: DriverClient | undefined, prepare: boolean): Run | undefined {
  const { session } = drizzle as { readonly session?: Session };
  if (session?.options?.logger !== undefined) return undefined;
  const connection = session?.client;
  switch (client?.driver) {
    case "pg-pool":
    case "pg-client":
      if (!isOf<NodePostgres>(connection, "query")) return undefined;
      return ({ text, preparedName }, values) =>
        connection.query({ text, values, name: prepare ? preparedName : undefined });
    case "postgres.js":
      if (!isOf<PostgresJs>(connection, "unsafe")) return undefined;
      return ({ text, preparedName }, values) =>
        connection.unsafe(text, values, { prepare: prepare && preparedName !== undefined });
    default:
      return undefined;
  }
}

function isOf<Connection>(value: unknown, method: keyof Connection & string): value is Connection {
  // A connection of postgres.js is a function.
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return false;
  return typeof (value as Record<string, unknown>)[method] === "function";
}
