import type { SqlExecutor } from "../src/connector.ts";
import type { BatchableQuery, BatchTransaction, PrismaTransaction } from "./client-types.ts";
import { type ClientFacts, plainExecutor } from "./executor.ts";

/** The place of one query in `prisma.$transaction([…])`, as a transaction that runs one statement. */
export class BatchPlace implements PrismaTransaction {
  readonly #client: PrismaTransaction;
  readonly #batch: BatchTransaction;

  constructor(client: PrismaTransaction, batch: BatchTransaction) {
    this.#client = client;
    this.#batch = batch;
  }

  $queryRawUnsafe(text: string, ...values: unknown[]): PromiseLike<unknown> {
    const query: BatchableQuery = this.#client.$queryRawUnsafe(text, ...values);
    return query.requestTransaction?.(this.#batch) ?? query;
  }

  /** Prisma tells all queries of a batch of the failure of one, and looks for the one that it is about. */
  isOwnFailure(error: unknown): boolean {
    const { batchRequestIdx: index } = error as { readonly batchRequestIdx?: number };
    return index === undefined || index === this.#batch.index;
  }
}

/** Runs a statement in its place of a batch. It is not planned anew: Prisma counts the queries. */
export function batchExecutor(place: BatchPlace, facts: ClientFacts): SqlExecutor {
  let foreign: { readonly error: unknown } | undefined;
  const executor = plainExecutor(async ({ text }, values) => {
    try {
      return await place.$queryRawUnsafe(text, ...values);
    } catch (error) {
      if (!place.isOwnFailure(error)) foreign = { error };
      throw error;
    }
  }, facts);
  return {
    isBatch: true,
    query: (statement, values) =>
      executor.query<never>(statement, values).catch((error: unknown) => {
        throw foreign ? foreign.error : error;
      }),
  };
}
