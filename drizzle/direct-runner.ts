import type { SqlStatement, SqlValue } from "../src/connector.ts";
import type { DriverClient, PgPool } from "../src/driver/driver-client.ts";
import { SESSION_PROCESS } from "../src/sql/session-process.ts";
import type { Preparation, Sender } from "./preparation.ts";

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
  /** Of a client: the process id that it was given. */
  readonly processID?: number | null;
}

interface PostgresJs {
  unsafe(text: string, values: readonly SqlValue[], options: { readonly prepare: boolean }): PostgresJsQuery;
}

interface PostgresJsQuery extends PromiseLike<unknown> {
  /** Of the connection that it was sent over. */
  readonly state?: { readonly pid?: number | null } | null;
}

/**
 * Sends statements over the connection that Drizzle would use, without building a query for it: that takes 60 to 100 us
 * of a deferral, and a statement has nothing that Drizzle could add. Undefined where the connection is not found, or
 * where the app wants its statements logged: then they go through Drizzle.
 */
export function directRunner(
  drizzle: object,
  client: DriverClient | undefined,
  preparation: Preparation,
): Run | undefined {
  const { session } = drizzle as { readonly session?: Session };
  if (session?.options?.logger !== undefined) return undefined;
  const sender = senderOf(session?.client, client);
  return sender && ((statement, values) => preparation.send(sender, statement, values));
}

function senderOf(connection: unknown, client: DriverClient | undefined): Sender | undefined {
  switch (client?.driver) {
    case "pg-pool":
      if (!isOf<NodePostgres>(connection, "query")) return undefined;
      return nodePostgres(connection, (connection as object) === client.client ? client.client : undefined);
    case "pg-client":
      return isOf<NodePostgres>(connection, "query") ? nodePostgres(connection) : undefined;
    case "postgres.js":
      if (!isOf<PostgresJs>(connection, "unsafe")) return undefined;
      return postgresJs(connection, (connection as object) === client.client);
    default:
      return undefined;
  }
}

/** @param pool Where the connection is a pool. */
function nodePostgres(connection: NodePostgres, pool?: PgPool): Sender {
  const isDirect = async (client: NodePostgres): Promise<boolean> => {
    const { rows } = (await client.query({ text: SESSION_PROCESS, values: [] })) as { rows: { pid: number }[] };
    return rows[0]?.pid === client.processID;
  };
  return {
    isPool: pool !== undefined,
    send: ({ text, preparedName }, values, isPrepared) =>
      connection.query({ text, values, name: isPrepared ? preparedName : undefined }),
    async isDirect() {
      if (!pool) return isDirect(connection);
      const client = await pool.connect();
      try {
        return await isDirect(client as unknown as NodePostgres);
      } finally {
        client.release(false);
      }
    },
  };
}

function postgresJs(connection: PostgresJs, isPool: boolean): Sender {
  return {
    isPool,
    send: ({ text }, values, isPrepared) => connection.unsafe(text, values, { prepare: isPrepared }),
    async isDirect() {
      const query = connection.unsafe(SESSION_PROCESS, [], { prepare: false });
      const [row] = (await query) as { pid: number }[];
      return row?.pid === query.state?.pid;
    },
  };
}

function isOf<Connection>(value: unknown, method: keyof Connection & string): value is Connection {
  // A connection of postgres.js is a function.
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return false;
  return typeof (value as Record<string, unknown>)[method] === "function";
}
