import type { SqlExecutor, SqlStatement, SqlValue } from "../src/connector.ts";
import { describe } from "../src/describe.ts";
import type { DriverClient } from "../src/driver/driver-client.ts";
import { explainFailure } from "../src/driver/explain-failure.ts";
import { ConnectorError } from "../src/errors.ts";
import { directRunner } from "./direct-runner.ts";
import type { Preparation } from "./preparation.ts";
import { toDrizzleSql } from "./sql-text.ts";

interface DrizzleExecutor {
  execute(query: unknown): PromiseLike<unknown>;
}

/** Runs statements through a Drizzle database or transaction. */
export function executor(
  drizzle: DrizzleExecutor,
  client: DriverClient | undefined,
  preparation: Preparation,
): SqlExecutor {
  const run =
    directRunner(drizzle, client, preparation) ??
    ((statement, values) => drizzle.execute(toDrizzleSql(statement, values)));
  return {
    async query<Row extends object>(statement: SqlStatement, values: readonly SqlValue[]) {
      try {
        return rowsOf(await run(statement, values)) as readonly Row[];
      } catch (error) {
        throw explainFailure(statement.name, error, client);
      }
    },
  };
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
