import type { Connector } from "../src/connector.ts";
import { maxConnectionsOf } from "../src/driver/driver-client.ts";
import { surviveLoss } from "../src/driver/survive-loss.ts";
import { checkKnownOptions } from "../src/option-checks.ts";
import { BatchPlace, batchExecutor } from "./batch.ts";
import { checkClient, checkTransaction } from "./checks.ts";
import type { PrismaDatabase, PrismaTransaction } from "./client-types.ts";
import { type ClientFacts, poolExecutor, transactionExecutor } from "./executor.ts";
import { explainFailure } from "./explain-failure.ts";
import { type ListenSource, listenWith, recogniseSource } from "./listen-source.ts";

export interface PrismaConnectorOptions {
  /**
   * What a worker listens with, as Prisma itself cannot: the `pg.Pool` or `PGlite` that the app gave to the adapter, of
   * which it takes one connection, or the URL of the database, to which it opens one. Default: none, the worker polls.
   */
  readonly listen?: ListenSource;
}

/** Of the queue's own transactions. Prisma's default of five seconds is short for a batch of many jobs. */
const OWN_TRANSACTION = { maxWait: 30_000, timeout: 60_000 };

/**
 * Connects the queue to a Prisma client, of either generator, extended or not, with a driver adapter for Postgres. Jobs
 * are deferred and worked on through it, on its connections.
 *
 * Give adapter-pg our `statementNameGenerator`, and single jobs cost Postgres half. Where it names all statements by one
 * of the app's own, most of the queue's are still planned each time, which costs two or three more round trips each:
 * wrap that one in ours, `statementNameGenerator(own)`.
 *
 * @throws ConnectorError when `prisma` is not such a client, or `listen` is nothing to listen with.
 * @throws InvalidOptionError when an option is unknown.
 */
export function prismaConnector(
  prisma: PrismaDatabase,
  options: PrismaConnectorOptions = {},
): Connector<PrismaTransaction> {
  checkClient(prisma);
  checkKnownOptions("prismaConnector", options, ["listen"]);
  const driver = recogniseSource(options.listen);
  surviveLoss(driver);
  const facts: ClientFacts = { driver };
  return {
    name: "prisma",
    maxConnections: maxConnectionsOf(options.listen),
    pool: poolExecutor(prisma, facts),
    using(tx) {
      if (tx instanceof BatchPlace) return batchExecutor(tx, facts);
      checkTransaction(tx);
      return transactionExecutor(tx, facts);
    },
    transaction: (work) => transact(prisma, facts, work),
    listen: (channel, handler) => listenWith(options.listen, channel, handler),
  };
}

async function transact<T>(
  prisma: PrismaDatabase,
  { driver }: ClientFacts,
  work: (tx: PrismaTransaction) => Promise<T>,
): Promise<T> {
  let thrown: { readonly error: unknown } | undefined;
  try {
    return await prisma.$transaction(async (tx) => {
      try {
        return await work(tx);
      } catch (error) {
        thrown = { error };
        throw error;
      }
    }, OWN_TRANSACTION);
  } catch (error) {
    throw thrown ? thrown.error : explainFailure("transaction", error, driver);
  }
}
