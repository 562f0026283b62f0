import { type App, appOptions, createApp } from "../app.ts";
import type { Connector, SqlExecutor } from "../index.ts";

export interface TransactionApp<Tx> {
  /** The same app, whose statements all run inside the transaction. */
  readonly app: App<Tx>;
  /** Rejects with the first error of a statement: Postgres refuses whatever comes after it in a transaction. */
  readonly broken: Promise<never>;
}

/** Puts an app into a transaction that is open. */
export function appInTransaction<Tx extends object>(app: App<Tx>, tx: Tx): TransactionApp<Tx> {
  const { connector, ...options } = appOptions(app);
  let breaks: (error: unknown) => void = () => undefined;
  const broken = new Promise<never>((_resolve, reject) => {
    breaks = reject;
  });
  broken.catch(() => undefined);
  const pool = oneByOne(connector.using(tx), breaks);
  const bound: Connector<Tx> = {
    name: connector.name,
    pool,
    using: (other) => (other === tx ? pool : connector.using(other)),
    transaction: (work) => work(tx),
  };
  return { app: createApp({ ...options, connector: bound }), broken };
}

/** A transaction is one session, where some drivers take one statement at a time. */
function oneByOne(executor: SqlExecutor, onError: (error: unknown) => void): SqlExecutor {
  let last: Promise<unknown> = Promise.resolve();
  let failure: { readonly error: unknown } | undefined;
  return {
    query<Row extends object>(...[statement, values]: Parameters<SqlExecutor["query"]>) {
      const answer = last.then(() => {
        if (failure) throw failure.error;
        return executor.query<Row>(statement, values);
      });
      last = answer.catch((error: unknown) => {
        failure ??= { error };
        onError(error);
      });
      return answer;
    },
  };
}
