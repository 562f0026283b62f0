import { type SQL, sql } from "drizzle-orm";
import type { SqlStatement, SqlValue } from "../src/connector.ts";

const PLACEHOLDER = /\$(\d+)/;
/** A piece of a text, or the index of a value. */
type Part = SQL | number;
const splitTexts = new WeakMap<SqlStatement, readonly Part[]>();

/**
 * A statement as Drizzle wants it: with its parameters in their places, so that the dialect writes its own placeholders.
 * Texts are split once; a statement that uses a parameter twice sends it twice.
 */
export function toDrizzleSql(statement: SqlStatement, values: readonly SqlValue[]): SQL {
  let parts = splitTexts.get(statement);
  if (!parts) {
    parts = statement.text
      .split(PLACEHOLDER)
      // Every second one is the number of a parameter.
      .map((part, index) => (index % 2 === 0 ? sql.raw(part) : Number(part) - 1));
    splitTexts.set(statement, parts);
  }
  return sql.join(parts.map((part) => (typeof part === "number" ? sql.param(values[part]) : part)));
}
