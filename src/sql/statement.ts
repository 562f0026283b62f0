import type { SqlExecutor, SqlStatement, SqlValue } from "../connector.ts";
import { DatabaseError } from "../database-error.ts";
import { InvalidOptionError, SchemaMismatchError } from "../errors.ts";
import { checkKnownOptions } from "../option-checks.ts";

/** Where the queue's tables are. */
export interface TableOptions {
  /** The Postgres schema of the tables. Default: the first one of the connection's search path that has them. */
  readonly schema?: string;
  /** What the names of the tables begin with. Default: `procrastinate_`. */
  readonly prefix?: string;
}

/** The queue's identifiers, quoted, and its notification channel, bare. The one place that makes them. */
export interface TableNames {
  readonly jobs: string;
  readonly workers: string;
  readonly periodicDefers: string;
  readonly schedules: string;
  readonly queues: string;
  readonly events: string;
  readonly jobStatus: string;
  readonly jobEventType: string;
  readonly channel: string;
  /** What the app chose, unquoted; undefined where the search path decides. */
  readonly schema: string | undefined;
  readonly prefix: string;
}

/** Postgres cuts longer identifiers, so that two could become one. */
const MAX_IDENTIFIER_BYTES = 63;
/** The longest name that the prefix is put before. */
const LONGEST_SUFFIX = "periodic_defers_tick_idx";

/** @throws InvalidOptionError when an identifier would be empty or longer than 63 bytes, or holds a NUL. */
export function tableNames(options: TableOptions = {}): TableNames {
  checkKnownOptions("tables", options, ["schema", "prefix"]);
  const prefix = options.prefix ?? "procrastinate_";
  checkIdentifier("prefix", prefix, `${prefix}${LONGEST_SUFFIX}`);
  if (options.schema !== undefined) checkIdentifier("schema", options.schema, options.schema);
  const qualifier = options.schema === undefined ? "" : `${quoteIdentifier(options.schema)}.`;
  const name = (suffix: string): string => qualifier + quoteIdentifier(prefix + suffix);
  return {
    jobs: name("jobs"),
    workers: name("workers"),
    periodicDefers: name("periodic_defers"),
    schedules: name("schedules"),
    queues: name("queues"),
    events: name("events"),
    jobStatus: name("job_status"),
    jobEventType: name("job_event_type"),
    // One channel per set of tables; a hash keeps it within an identifier whatever the names are.
    channel: options.schema === undefined ? `${prefix}jobs` : `${prefix}${hash(options.schema)}`,
    schema: options.schema,
    prefix,
  };
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The queue's tables and what runs statements on them: the app's pool, or one transaction. */
export interface QueueSql extends SqlExecutor {
  readonly tables: TableNames;
}

/**
 * Binds statements that run through `executor` to the tables.
 * What says that the tables are not those of this package becomes a SchemaMismatchError.
 */
export function queueSql(executor: SqlExecutor, tables: TableNames): QueueSql {
  return {
    tables,
    isBatch: executor.isBatch === true,
    query: (statement, values) =>
      executor.query<never>(statement, values).catch((error: unknown) => explain(error, tables)),
  };
}

/** Undefined column, undefined table, undefined type, no such unique index, no such schema. */
const NOT_OUR_TABLES = ["42703", "42P01", "42704", "42P10", "3F000"];

function explain(error: unknown, tables: TableNames): never {
  if (error instanceof DatabaseError && NOT_OUR_TABLES.includes(error.sqlState ?? "")) {
    throw new SchemaMismatchError(
      `The queue's tables (${tables.jobs}, …) are missing or of another version than this package: ${error.message}. ` +
        "Run npx procrastinate schema check, which says what to run; with tables elsewhere, say so in createApp({ tables }).",
      { cause: error },
    );
  }
  throw error;
}

/** Runs a statement that gives exactly one row. */
export type RunStatement = <Row extends object>(sql: QueueSql, values: readonly SqlValue[]) => Promise<Row>;

/** Runs a statement that gives one row or none. */
export type RunOptionalStatement = <Row extends object>(
  sql: QueueSql,
  values: readonly SqlValue[],
) => Promise<Row | undefined>;

export interface StatementOptions {
  /** Its best plan is the same whatever the tables hold. Default: false. */
  readonly isPreparable?: boolean;
}

/** Declares a statement that gives exactly one row, like `optionalStatement`. */
export function statement(
  name: string,
  build: (tables: TableNames) => string,
  options?: StatementOptions,
): RunStatement {
  const run = optionalStatement(name, build, options);
  return async <Row extends object>(sql: QueueSql, values: readonly SqlValue[]): Promise<Row> => {
    const row = await run<Row>(sql, values);
    if (row === undefined) throw new TypeError(`The statement ${name} gave no row.`);
    return row;
  };
}

/**
 * Declares a statement that gives one row or none. Its text is made once per set of tables.
 *
 * Lists travel as JSON text or as an array literal in one text parameter, both ways: no driver then has an opinion
 * about arrays, dates or bigints.
 */
export function optionalStatement(
  name: string,
  build: (tables: TableNames) => string,
  { isPreparable = false }: StatementOptions = {},
): RunOptionalStatement {
  const built = new WeakMap<TableNames, SqlStatement>();
  return async <Row extends object>(sql: QueueSql, values: readonly SqlValue[]): Promise<Row | undefined> => {
    let ready = built.get(sql.tables);
    if (!ready) {
      const text = build(sql.tables);
      ready = { name, text, ...(isPreparable ? { preparedName: `procrastinate_${name}_${hash(text)}` } : {}) };
      built.set(sql.tables, ready);
    }
    const [row] = await sql.query<Row>(ready, values);
    return row;
  };
}

/** Milliseconds that a statement took so far: as its last column, without round trips and the queues of drivers. */
export const TOOK_MS = `extract(epoch from clock_timestamp() - statement_timestamp())::float8 * 1000 as "tookMs"`;

/**
 * A column that lets the commit go on without waiting for its flush: where what a crash of Postgres takes back is found
 * and done again. It holds for the whole transaction, so only in statements that are alone in theirs.
 */
export const UNFLUSHED = `set_config('synchronous_commit', 'off', true) as commit`;

/** An array literal of Postgres, for a parameter that is cast like `$1::text::text[]`. */
export function textArray(values: readonly string[]): string {
  return `{${values.map((value) => `"${value.replace(/[\\"]/g, "\\$&")}"`).join(",")}}`;
}

/** An array literal of numbers, for a parameter that is cast like `$1::text::bigint[]`. */
export function numberArray(values: readonly (number | bigint)[]): string {
  return `{${values.join(",")}}`;
}

function checkIdentifier(option: string, value: string, longest: string): void {
  if (typeof value !== "string" || value.length === 0 || value.includes("\u0000")) {
    throw new InvalidOptionError(option, value, "is not a name that Postgres can have.");
  }
  const bytes = Buffer.byteLength(longest);
  if (bytes > MAX_IDENTIFIER_BYTES) {
    const fix = `makes the name "${longest}" of ${bytes} bytes; Postgres has room for ${MAX_IDENTIFIER_BYTES}. Shorten it.`;
    throw new InvalidOptionError(option, value, fix);
  }
}

/** FNV-1a, 32 bits: any stable hash does; every process of an app must find the same channel. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value.toString(16).padStart(8, "0");
}
