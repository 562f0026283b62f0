import type { SqlStatement } from "../src/connector.ts";

/** Of the queue's statements, by their text, under which name each is prepared; "" is not at all. */
const names = new Map<string, string>();
/** Each set of tables has a hundred. Who forgets them sees each again before it is sent. */
const MAX_NAMES = 5_000;

let hasNamed = false;
let isPreparing = true;

/** Before a statement is sent: what names it sees nothing of it but the text. */
export function noteStatement({ text, preparedName = "" }: SqlStatement): void {
  if (names.has(text)) return;
  if (names.size >= MAX_NAMES) names.clear();
  names.set(text, preparedName);
}

/** Whether `statementNameGenerator`, where an adapter has it, names this statement. */
export function isNameable({ preparedName }: SqlStatement): boolean {
  return isPreparing && preparedName !== undefined;
}

/** Whether some adapter has it. */
export function isInUse(): boolean {
  return hasNamed;
}

/** From now on all are sent unprepared: somebody discards what sessions keep. Of the whole process, as names are. */
export function stopPreparing(): void {
  isPreparing = false;
}

/**
 * Makes a `statementNameGenerator` for Prisma's adapter-pg, by which deferrals are prepared, and the claim of the one job
 * that an idle worker was told of: half of what these cost Postgres is planning. No other statement of the queue is, as
 * their best plan depends on how full the tables are.
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
    if (name === undefined) return own?.(query) ?? "";
    if (name === "" || !isPreparing) return "";
    hasNamed = true;
    return name;
  };
}
