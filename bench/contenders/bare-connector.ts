import pg from "pg";
import postgres from "postgres";
import { type Connector, DatabaseError, type SqlStatement, type SqlValue } from "procrastinate";
import { POOL_SIZE } from "./business.ts";

/** The drivers under the ORMs, used without one: what going through the ORM is measured against. */
export const bareDrivers = ["node-postgres", "postgres.js"] as const;
export type BareDriver = (typeof bareDrivers)[number];

export interface OpenConnector {
  readonly connector: Connector<object>;
  close(): Promise<void>;
}

export function openBareConnector(driver: BareDriver, url: string): Promise<OpenConnector> {
  return driver === "node-postgres" ? openNodePostgres(url) : openPostgresJs(url);
}

async function openNodePostgres(url: string): Promise<OpenConnector> {
  const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE });
  await pool.query("select 1");
  const connector = connectorOf("node-postgres", async (text, values) => (await pool.query(text, [...values])).rows);
  return { connector, close: () => pool.end() };
}

async function openPostgresJs(url: string): Promise<OpenConnector> {
  const client = postgres(url, { max: POOL_SIZE, onnotice: () => undefined });
  await client`select 1`;
  const connector = connectorOf("postgres.js", (text, values) => client.unsafe(text, [...values]));
  return { connector, close: () => client.end({ timeout: 2 }) };
}

/** As much of a connector as a drain needs: no transactions and no listening. */
function connectorOf(
  name: string,
  run: (text: string, values: readonly SqlValue[]) => PromiseLike<readonly unknown[]>,
): Connector<object> {
  const missing = () => {
    throw new Error(`the connector on bare ${name} has no transactions`);
  };
  return {
    name,
    maxConnections: POOL_SIZE,
    pool: {
      query: async <Row extends object>({ name: statement, text }: SqlStatement, values: readonly SqlValue[]) => {
        try {
          return (await run(text, values)) as readonly Row[];
        } catch (error) {
          throw new DatabaseError(statement, error);
        }
      },
    },
    using: missing,
    transaction: missing,
  };
}
