import type pg from "pg";
import type { Connector, SqlExecutor } from "../../src/connector.ts";
import { DatabaseError } from "../../src/database-error.ts";
import { ignoreErrors } from "../../src/driver/survive-loss.ts";

/** The thinnest connector there is, over node-postgres alone: what a test of the core needs and no ORM more. */
export function pgConnector(pool: pg.Pool): Connector<pg.PoolClient> {
  ignoreErrors(pool);
  pool.on("acquire", ignoreErrors);
  return {
    name: "pg",
    pool: executor(pool),
    using: executor,
    async transaction(work) {
      const client = await pool.connect();
      try {
        await client.query("begin");
        const result = await work(client);
        await client.query("commit");
        return result;
      } catch (error) {
        await client.query("rollback");
        throw error;
      } finally {
        client.release();
      }
    },
    async listen(channel, handler) {
      const client = await pool.connect();
      client.on("notification", (message) => handler.onNotification(message.payload ?? ""));
      client.on("error", (error) => handler.onLost(error));
      await client.query(`listen "${channel}"`).catch((error: unknown) => {
        client.release(true);
        throw error;
      });
      handler.onListening();
      return async () => client.release(true);
    },
  };
}

function executor(client: pg.Pool | pg.PoolClient): SqlExecutor {
  return {
    async query<Row extends object>(statement: { name: string; text: string }, values: readonly unknown[]) {
      try {
        const result = await client.query(statement.text, [...values]);
        return result.rows as Row[];
      } catch (error) {
        throw new DatabaseError(statement.name, error);
      }
    },
  };
}
