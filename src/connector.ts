/**
 * A parameter of a statement. Only these four types reach a driver, and every parameter is cast in the
 * SQL (`$1::text::jsonb`): they are what postgres.js, node-postgres, PGlite and Prisma all send alike.
 */
export type SqlValue = string | number | boolean | null;

/** One SQL statement with `$1`-style parameters. */
export interface SqlStatement {
  /** For messages and logs; never a prepared statement's name. */
  readonly name: string;
  readonly text: string;
  /**
   * The name under which a connector may prepare it, at most 63 bytes, another one for every text. Absent where the best
   * plan depends on how full the tables are: such a statement must be planned each time.
   */
  readonly preparedName?: string;
}

/**
 * Runs statements. The columns of a statement are text, int4, float8, boolean or null,
 * so that rows look alike on every driver.
 *
 * @throws DatabaseError for anything that the driver or Postgres refuses.
 */
export interface SqlExecutor {
  /**
   * Statements are part of a batch that runs and commits as a whole before the first of them is answered. What shall
   * keep the batch from committing must then fail inside of Postgres. Default: false.
   */
  readonly isBatch?: boolean;
  query<Row extends object>(statement: SqlStatement, values: readonly SqlValue[]): Promise<readonly Row[]>;
}

/** What a listener does with what it hears. */
export interface NotificationHandler {
  /** A notification arrived on the channel. */
  onNotification(payload: string): void;
  /** The connection listens (again): whatever was notified before may have been missed. */
  onListening(): void;
  /** The listening connection is lost; `onListening` follows if the driver reconnects by itself. */
  onLost(error: unknown): void;
}

/**
 * Stops listening and frees the connection. `isLost`: nothing is heard on it any more, although the driver may not know
 * that yet; waiting for its last answer would take until the operating system gives it up.
 */
export type Unlisten = (isLost?: boolean) => Promise<void>;

/**
 * The seam between the queue and the app's ORM: `drizzleConnector(db)` and `prismaConnector(prisma)` make one.
 * `Tx` is what the ORM hands to the callback of its transactions.
 */
export interface Connector<Tx> {
  /** What it is, for messages: `drizzle`. */
  readonly name: string;
  /** How many connections the app's pool has at most, where that is known: a worker warns when they are too few. */
  readonly maxConnections?: number | undefined;
  /** Runs each statement in a transaction of its own, on any connection of the app's pool. */
  readonly pool: SqlExecutor;
  /**
   * Runs statements inside the caller's transaction.
   *
   * @throws ConnectorError when `tx` is not a transaction of this ORM.
   */
  using(tx: Tx): SqlExecutor;
  /** Runs `work` in a new transaction: commits when it resolves, rolls back when it rejects. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /**
   * Listens on a channel with a connection of the app's driver. Resolves to undefined, or is absent,
   * where the driver has no such connection: the worker then polls.
   */
  listen?(channel: string, handler: NotificationHandler): Promise<Unlisten | undefined>;
}
