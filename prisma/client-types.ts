/** What the callback of `prisma.$transaction(async (tx) => …)` gets, from whatever generator and with any extensions. */
export interface PrismaTransaction {
  $queryRawUnsafe(query: string, ...values: unknown[]): PromiseLike<unknown>;
  /** Only the client itself has it: a job that is deferred on `prisma` would not roll back. */
  readonly $connect?: never;
}

/** A Prisma client: `new PrismaClient({ adapter })`, or what its `$extends` gave. */
export interface PrismaDatabase {
  $queryRawUnsafe(query: string, ...values: unknown[]): PromiseLike<unknown>;
  $executeRawUnsafe(query: string, ...values: unknown[]): PromiseLike<number>;
  $transaction<T>(
    work: (tx: PrismaTransaction) => Promise<T>,
    options?: { maxWait?: number; timeout?: number },
  ): Promise<T>;
  $connect(): Promise<void>;
}

/**
 * A query of Prisma: nothing is sent until it is awaited, or until the batch transaction that it is part of is.
 * By structure Prisma's own `PrismaPromise`.
 */
export interface PrismaPromise<T> extends Promise<T> {
  readonly [Symbol.toStringTag]: "PrismaPromise";
}

/** What Prisma says to each query of `prisma.$transaction([…])`. The place in the list is all that we look at. */
export interface BatchTransaction {
  readonly index: number;
}

/** A query as Prisma's batch sees it. */
export interface BatchableQuery extends PromiseLike<unknown> {
  requestTransaction?(batch: BatchTransaction): PromiseLike<unknown>;
}
