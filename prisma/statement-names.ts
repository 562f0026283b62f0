import type { SqlStatement } from "../src/connector.ts";

/** Of the queue's statements, by their text, under which name each is prepared; "" is not at all. */
const names = new Map<string, string>();

let isPreparing = true;

/** Before a statement is sent: what names it sees nothing of it but the text. */
export function noteStatement({ text, preparedName = "" }: SqlStatement): void {
  if (!names.has(text)) names.set(text, preparedName);
}

/** Whether `statementNameGenerator` names this statement, where an adapter has it. */
export function isNameable({ preparedName }: SqlStatement): boolean {
  return isPreparing && preparedName !== undefined;
}

/** From now on all are sent unprepared: somebody discards what sessions keep. Of the whole process, as names are. */
export function stopPreparing(): void {
  isPreparing = false;
}

/**
 * Makes a `statementNameGenerator` for Prisma's adapter-pg, by which the queue's statements for single jobs, and for jobs
 * deferred at once, are prepared: a deferral, and the claim of the one job that an idle worker was told of. Half of what
 * those cost Postgres is planning. No other statement of the queue is: their best plan depends on how full the tables are.
 *
 * ```ts
 * const adapter = new PrismaPg(url, { statementNameGenerator: statementNameGenerator() });
 * ```
 *
 * Not behind a pooler that shares sessions between transactions, unless it knows prepared statements, such as PgBouncer
 * from 1.21 on. Where a session turns out not to have what was prepared on it, the statement is sent again unprepared,
 * and so are all that follow; in a transaction of the app's, that statement fails.
 *
 * @param own Names the statements of the app: a text of at most 63 bytes, another one for every text, or "" for what is
 * not to be prepared. Default: none is.
 */
export function statementNameGenerator<Query extends { readonly sql: string }>(
  own?: (query: Query) => string,
): (query: Query) => string {
  return (query) => {
    const name = names.get(query.sql);
    return (name === undefined ? own?.(query) : isPreparing ? name : "") ?? "";
  };
}
