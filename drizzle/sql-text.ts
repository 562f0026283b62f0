import { type SQL, sql } from "drizzle-orm";
import type { SqlStatement, SqlValue } from "../src/connector.ts";

const PLACEHOLDER = /\$(\d+)/;
const splitTexts = new WeakMap<SqlStatement, readonly string[]>();

/**
 * A statement as Drizzle wants it: with its parameters in their places, so that the dialect writes its own placeholders.
 * Texts are split once; a statement whose parameters are used more than once sends each use as a parameter of its own.
 */
export function toDrizzleSql(statement: SqlStatement, values: readonly SqlValue[]): SQL {
  let parts = splitTexts.get(statement);
  if (!parts) {
    parts = statement.text.split(PLACEHOLDER);
    splitTexts.set(statement, parts);
  }
  // Every second part is the number of a parameter.
  return sql.join(parts.map((part, index) => (index % 2 === 0 ? sql.raw(part) : sql.param(values[Number(part) - 1]))));
}
