import type { SqlExecutor, SqlStatement, SqlValue } from "../src/connector.ts";
import { DatabaseError } from "../src/database-error.ts";
import { describe } from "../src/describe.ts";
import type { DriverClient } from "../src/driver/driver-client.ts";
import { ConnectorError } from "../src/errors.ts";
import { forceCustomPlan, isNamed, setPlanMode } from "../src/sql/plan-mode.ts";
import type { PrismaDatabase, PrismaTransaction } from "./client-types.ts";
import { explainFailure } from "./explain-failure.ts";
import { isInUse, isNameable, noteStatement, stopPreparing } from "./statement-names.ts";

/** What is known of the app's client, whichever of its executors found out. */
export interface ClientFacts {
  readonly driver: DriverClient | undefined;
  /** Whether its adapter names statements. Undefined until the first one was sent. */
  isNaming?: boolean;
}

type Send = (statement: SqlStatement, values: readonly SqlValue[]) => PromiseLike<unknown>;

/** Runs each statement in a transaction of its own. */
export function poolExecutor(prisma: PrismaDatabase, facts: ClientFacts): SqlExecutor {
  const send: Send = ({ text }, values) => prisma.$queryRawUnsafe(text, ...values);
  const runBatch = prisma.$transaction.bind(prisma) as unknown as (queries: unknown[]) => Promise<unknown[]>;
  const sendPlanned: Send = async ({ text }, values) => {
    const queries = [prisma.$executeRawUnsafe(forceCustomPlan), prisma.$queryRawUnsafe(text, ...values)];
    return (await runBatch(queries))[1];
  };
  return executor(giveUpPreparing(send, facts, true), sendPlanned, facts);
}

/** @param isPool Each statement is a transaction of its own, so that one that Postgres did not take can be sent again. */
function giveUpPreparing(send: Send, facts: ClientFacts, isPool: boolean): Send {
  return async (statement, values) => {
    // Where the app names everything itself, it goes on doing so.
    const isPrepared = !facts.isNaming && isNameable(statement);
    try {
      return await send(statement, values);
    } catch (error) {
      if (!isPrepared || !isInUse() || !new DatabaseError(statement.name, error).isLostPreparation) throw error;
      stopPreparing();
      if (!isPool) throw error;
      return send(statement, values);
    }
  };
}

/** Runs statements in the caller's transaction. */
export function transactionExecutor(tx: PrismaTransaction, facts: ClientFacts): SqlExecutor {
  const send: Send = ({ text }, values) => tx.$queryRawUnsafe(text, ...values);
  const plain = plainExecutor(send, facts);
  const sendPlanned: Send = async (statement, values) => {
    const former = await setPlanMode(plain, "force_custom_plan");
    const rows = await send(statement, values);
    // Not after a failure: what has failed takes the setting back with it.
    await setPlanMode(plain, former);
    return rows;
  };
  return executor(giveUpPreparing(send, facts, false), sendPlanned, facts);
}

/** Runs statements as they are. */
export function plainExecutor(send: Send, { driver }: ClientFacts): SqlExecutor {
  return {
    async query<Row extends object>(statement: SqlStatement, values: readonly SqlValue[]) {
      noteStatement(statement);
      try {
        return rowsOf(await send(statement, values)) as readonly Row[];
      } catch (error) {
        throw explainFailure(statement.name, error, driver);
      }
    },
  };
}

/**
 * Runs statements as they are, unless the app's adapter names them all: then each gets a plan of its own, but for those
 * whose best plan is always the same.
 */
function executor(send: Send, sendPlanned: Send, facts: ClientFacts): SqlExecutor {
  const plain = plainExecutor(send, facts);
  const planned = plainExecutor(sendPlanned, facts);
  return {
    async query(statement, values) {
      // Each asks for itself: an answer that waits for the pool must not be waited for by who holds its last connection.
      facts.isNaming ??= await isNamed(plain);
      return (facts.isNaming && statement.preparedName === undefined ? planned : plain).query(statement, values);
    },
  };
}

function rowsOf(result: unknown): readonly unknown[] {
  if (Array.isArray(result)) return result;
  throw new ConnectorError(`Prisma gave ${describe(result)} instead of rows. Use PostgreSQL with a driver adapter.`);
}
