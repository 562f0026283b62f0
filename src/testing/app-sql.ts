import { type App, appOptions } from "../app.ts";
import { type QueueSql, queueSql, tableNames } from "../sql/statement.ts";

/** Runs statements on the queue's tables of an app, inside `tx` if there is one. */
export function appSql<Tx>(app: App<Tx>, tx: Tx | undefined): QueueSql {
  const { connector, tables } = appOptions(app);
  return queueSql(tx === undefined ? connector.pool : connector.using(tx), tableNames(tables));
}
