import type { Connector } from "../src/connector.ts";
import { describe } from "../src/describe.ts";
import { type DriverClient, maxConnectionsOf, recognise } from "../src/driver/driver-client.ts";
import { explainFailure, isCutOff } from "../src/driver/explain-failure.ts";
import { listen } from "../src/driver/listen.ts";
import { surviveLoss } from "../src/driver/survive-loss.ts";
import { ConnectorError, InvalidOptionError } from "../src/errors.ts";
import { checkKnownOptions } from "../src/option-checks.ts";
import { executor } from "./executor.ts";
import { Preparation } from "./preparation.ts";

/** What the callback of `db.transaction` gets, in any of Drizzle's majors and drivers. */
export interface DrizzleTransaction {
  execute(query: unknown): PromiseLike<unknown>;
  /** Only a transaction has it: a job that is deferred on `db` itself would not roll back. */
  rollback(): never;
}

/** A Drizzle database on Postgres: what `drizzle(…)` gives. */
export interface DrizzleDatabase {
  execute(query: unknown): PromiseLike<unknown>;
  transaction<T>(work: (tx: DrizzleTransaction) => Promise<T>): Promise<T>;
  /** The driver's client or pool: postgres.js, node-postgres, PGlite. */
  readonly $client?: unknown;
}

export interface DrizzleConnectorOptions {
  /**
   * Whether deferrals, and the claim of the one job that an idle worker was told of, are prepared statements, on
   * node-postgres and postgres.js: half of what a single job costs Postgres is planning. A worker's others never are.
   * `true` is for poolers that share connections between transactions and know prepared statements, such as PgBouncer
   * from 1.21 on in its mode `transaction`. Default: where there is no pooler, which the first statement finds out.
   */
  readonly prepare?: boolean;
}

/**
 * Connects the queue to a Drizzle database, on postgres.js, node-postgres or PGlite. Jobs are deferred and worked on
 * through `db`, on its connections.
 *
 * A worker also listens for jobs with one more: postgres.js opens it beside its pool and keeps it until `sql.end()`;
 * of a node-postgres pool it takes one, unless that is the last (then the worker polls, as it does on other drivers).
 *
 * Lost connections of node-postgres end no process from here on: they make statements fail, and no more. Stop the
 * workers before you close the pool.
 *
 * @throws ConnectorError when `db` is not a Drizzle database.
 * @throws InvalidOptionError when an option does not exist or is not what it should be.
 */
export function drizzleConnector(
  db: DrizzleDatabase,
  options: DrizzleConnectorOptions = {},
): Connector<DrizzleTransaction> {
  if (typeof db?.execute !== "function" || typeof db.transaction !== "function") {
    throw new ConnectorError(
      `drizzleConnector(db): ${describe(db)} is not a Drizzle database. Pass what drizzle(…) gave.`,
    );
  }
  checkKnownOptions("drizzleConnector", options, ["prepare"]);
  const { prepare } = options;
  if (prepare !== undefined && typeof prepare !== "boolean") {
    throw new InvalidOptionError("prepare", prepare, "is not true or false.");
  }
  const preparation = new Preparation(prepare);
  const client = recognise(db.$client);
  const ended = new WeakSet<DrizzleTransaction>();
  surviveLoss(client);
  return {
    name: "drizzle",
    maxConnections: maxConnectionsOf(db.$client),
    pool: executor(db, client, preparation),
    using(tx) {
      checkTransaction(tx);
      const open = executor(tx, client, preparation);
      return {
        query: (statement, values) =>
          ended.has(tx) ? Promise.reject(new ConnectorError(ENDED)) : open.query(statement, values),
      };
    },
    transaction: (work) => transact(db, client, work, ended),
    listen: (channel, handler) => listen(client, channel, handler),
  };
}

/** A promise of its own each time: one for all would keep alive whatever awaits it. */
const never = (): Promise<never> => new Promise(() => undefined);
const ENDED =
  "tx: this transaction has ended, by its commit or rollback or with its connection. Defer within its callback.";

/**
 * @param ended Takes the transaction when it is over. postgres.js 3.4 gives it up as soon as its connection is closed, while
 * `work` goes on; what is sent then is written to no socket, is never answered, and leaves the connection out of step
 * for whoever gets it next.
 */
async function transact<T>(
  db: DrizzleDatabase,
  client: DriverClient | undefined,
  work: (tx: DrizzleTransaction) => Promise<T>,
  ended: WeakSet<DrizzleTransaction>,
): Promise<T> {
  let thrown: { readonly error: unknown } | undefined;
  let begun: DrizzleTransaction | undefined;
  try {
    return await db.transaction(async (tx) => {
      begun = tx;
      try {
        const result = await work(tx);
        if (ended.has(tx)) await never();
        return result;
      } catch (error) {
        thrown = { error };
        // postgres.js 3.4 would write its rollback to the closed socket, outside of any try: that ends the process. It
        // rejects the transaction by itself as soon as the connection is closed.
        if (ended.has(tx) || (client?.driver === "postgres.js" && isCutOff(error))) await never();
        throw error;
      }
    });
  } catch (error) {
    // Where the connection is lost, Drizzle tells of the rollback that failed instead of the reason for it.
    throw thrown ? thrown.error : explainFailure("transaction", error, client);
  } finally {
    if (begun) ended.add(begun);
  }
}

function checkTransaction(tx: DrizzleTransaction): void {
  if (typeof tx?.execute === "function" && typeof tx.rollback === "function") return;
  const isDatabase = typeof tx?.execute === "function";
  const what = isDatabase ? "is the database, not a transaction of it" : "is not a transaction of Drizzle";
  const fix = `Pass the tx of db.transaction(async (tx) => …)${isDatabase ? ", or leave tx out" : ""}.`;
  throw new ConnectorError(`tx: ${describe(tx)} ${what}. ${fix}`);
}
