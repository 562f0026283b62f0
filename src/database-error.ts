import { messageOf } from "./describe.ts";
import { ProcrastinateError } from "./errors.ts";

/**
 * What the driver or Postgres refused, the same whatever ORM and driver it came through.
 * The driver's error is the `cause`; not that of the ORM, whose message can hold the statement's parameters.
 */
export class DatabaseError extends ProcrastinateError {
  /** What was sent: the name of a statement of the queue, or `transaction`. */
  readonly statement: string;
  /** The five-character SQLSTATE; undefined when no answer came from Postgres. */
  readonly sqlState: string | undefined;
  /** The name of the violated constraint or unique index, if any. */
  readonly constraint: string | undefined;

  constructor(statement: string, cause: unknown) {
    const found = findDriverError(cause);
    super("database", messageFor(statement, found), { cause: found.driverError });
    this.statement = statement;
    this.sqlState = found.sqlState;
    this.constraint = found.constraint;
  }

  /** The same statement can succeed when it is sent again: a serialization failure or a deadlock. */
  get isTransient(): boolean {
    return this.sqlState === "40001" || this.sqlState === "40P01";
  }

  /** A row stayed locked by another transaction for longer than the statement would wait. */
  get isLocked(): boolean {
    return this.sqlState === "55P03";
  }

  /** Another row has the same key. */
  get isUniqueViolation(): boolean {
    return this.sqlState === "23505";
  }

  /** There is no such prepared statement; there is one already, of somebody else; its tables changed. */
  get isLostPreparation(): boolean {
    return /^(26000|42P05|0A000)$/.test(this.sqlState ?? "");
  }

  /** The connection failed, or Postgres is shutting down, starting up or out of connections. */
  get isConnectionLoss(): boolean {
    const state = this.sqlState;
    return state === undefined || /^(08|57P0|53300|25006)/.test(state);
  }

  /**
   * Postgres says that it did nothing. Otherwise nobody knows: no answer came, or one of a Postgres that was about to
   * crash, which is what it does when it cannot write its log (53, 58, XX).
   */
  get isRefusal(): boolean {
    return !this.isConnectionLoss && !/^(40003|53|58|XX)/.test(this.sqlState ?? "");
  }

  /** The data of the statement was refused, so that other data might have passed. */
  get isDataProblem(): boolean {
    return this.sqlState !== undefined && /^(22|23|54)/.test(this.sqlState);
  }
}

const CHECK = "Check that it runs, and that the app connects to the right host, port and database.";

function messageFor(statement: string, { message, sqlState }: DriverError): string {
  if (sqlState !== undefined) return `${message} (${statement})`;
  return `No answer from Postgres (${statement}): ${message.replace(/\.$/, "")}. ${CHECK}`;
}

interface DriverError {
  readonly driverError: unknown;
  readonly message: string;
  readonly sqlState: string | undefined;
  readonly constraint: string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Finds the SQLSTATE along the chain of causes. Drizzle wraps the driver's error in its own; Prisma puts
 * it into `meta.driverAdapterError`; postgres.js says `constraint_name`, node-postgres `constraint`;
 * Bun says `errno`. A five-character code like EPIPE is none: SQLSTATEs come with a severity or a digit.
 */
function findDriverError(error: unknown): DriverError {
  let driverError = error;
  for (let current = error, depth = 0; isFields(current) && depth < MAX_CAUSES; current = current["cause"], depth++) {
    driverError = current;
    const inner = prismaCause(current) ?? current;
    const sqlState = [inner["originalCode"], inner["code"], inner["errno"]].find(isSqlState);
    if (sqlState === undefined) continue;
    const original = inner["originalMessage"];
    const message = typeof original === "string" ? original : driverMessage(inner);
    return { driverError, message, sqlState, constraint: constraintOf(inner, message) };
  }
  return { driverError, message: driverMessage(driverError), sqlState: undefined, constraint: undefined };
}

/** A chain of causes can be a circle. */
const MAX_CAUSES = 10;

/** Prisma's begin with where it was called, some lines of source included. */
function driverMessage(error: unknown): string {
  const message = messageOf(error);
  return /^\s*Invalid `.*` invocation/.test(message) ? (message.trim().split("\n").at(-1) ?? "") : message;
}

function prismaCause(error: Fields): Fields | undefined {
  const meta = error["meta"];
  const adapterError = isFields(meta) ? meta["driverAdapterError"] : undefined;
  const cause = isFields(adapterError) ? adapterError["cause"] : undefined;
  return isFields(cause) ? cause : undefined;
}

function constraintOf(error: Fields, message: string): string | undefined {
  const constraint = error["constraint"] ?? error["constraint_name"];
  if (typeof constraint === "string") return constraint;
  if (isFields(constraint) && typeof constraint["index"] === "string") return constraint["index"];
  return /constraint "([^"]+)"/.exec(message)?.[1];
}

// Prisma's own codes (P2010) share the shape of PL/pgSQL's class P0; node's (EPIPE) have no digit.
function isSqlState(code: unknown): code is string {
  return typeof code === "string" && /^(?!P[1-9])(?=.*\d)[0-9A-Z]{5}$/.test(code);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}
