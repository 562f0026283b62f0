import { type App, ConnectorError, type DeferOptions, type DeferParameters, type Task } from "../src/index.ts";
import { BatchPlace } from "./batch.ts";
import { has } from "./checks.ts";
import type { BatchTransaction, PrismaPromise, PrismaTransaction } from "./client-types.ts";

/** What `prisma.$extends(withProcrastinate(app))` adds to the client and its transactions. */
export interface ProcrastinateExtension {
  readonly name: string;
  readonly client: {
    /**
     * Defers a job: on `tx` in that transaction, on the client in one of its own, and in `prisma.$transaction([…])`
     * with the other queries of the list. As every query of Prisma it does nothing until it is awaited, itself or in
     * a list.
     *
     * In a list, `onConflict: "ignore"` and `"replace"` are refused: they need answers while the transaction runs.
     *
     * @throws as `app.defer`; ConnectorError when it is in a list of `tx.$transaction([…])`.
     */
    $defer<Input>(
      task: Task<Input>,
      ...rest: DeferParameters<NoInfer<Input>, DeferOptions<never>>
    ): PrismaPromise<bigint>;
  };
}

/**
 * An extension for Prisma clients that defers jobs without a `tx` to pass on:
 *
 * ```ts
 * const db = prisma.$extends(withProcrastinate(app));
 * const [user, jobId] = await db.$transaction([db.user.create({ data }), db.$defer(sendWelcome, { email })]);
 * ```
 *
 * @param app Of the same database: its connector is `prismaConnector(prisma)`.
 */
export function withProcrastinate(app: App<PrismaTransaction>): ProcrastinateExtension {
  const defer = app.defer as (task: unknown, args: unknown, options: object) => Promise<bigint>;
  return {
    name: "procrastinate",
    client: {
      $defer(this: unknown, task, ...[args = {}, options = {}]) {
        if (!has(this, "$queryRawUnsafe")) {
          throw new ConnectorError(
            "$defer was called without its client. Call it as prisma.$defer(…) or tx.$defer(…).",
          );
        }
        const start = (tx: unknown) => defer(task, args, { ...options, ...(tx === undefined ? {} : { tx }) });
        return lazyDefer(this as unknown as PrismaTransaction, start);
      },
    },
  };
}

function lazyDefer(client: PrismaTransaction, start: (tx: unknown) => Promise<bigint>): PrismaPromise<bigint> {
  const isTransaction = !has(client, "$connect");
  let started: Promise<bigint> | undefined;
  const promise = (): Promise<bigint> => (started ??= start(isTransaction ? client : undefined));
  const lazy = {
    [Symbol.toStringTag]: "PrismaPromise" as const,
    // biome-ignore lint/suspicious/noThenProperty: this is a promise that begins when somebody asks for it
    then: (...handlers: Parameters<Promise<bigint>["then"]>) => promise().then(...handlers),
    catch: (...handlers: Parameters<Promise<bigint>["catch"]>) => promise().catch(...handlers),
    finally: (...handlers: Parameters<Promise<bigint>["finally"]>) => promise().finally(...handlers),
    /** Prisma calls it, in place of `then`, for each query of a batch. */
    requestTransaction: async (batch: BatchTransaction) => {
      if (!isTransaction) return start(new BatchPlace(client, batch));
      const fix = "Await each query on its own: await tx.$defer(…).";
      throw new ConnectorError(`tx.$transaction([…]) is a transaction of its own, which commits without tx. ${fix}`);
    },
  };
  return lazy as PrismaPromise<bigint>;
}
