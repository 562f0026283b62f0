import { inspect } from "node:util";
import { DrizzleQueryError } from "drizzle-orm/errors";
import { DatabaseError as PgError } from "pg";
import { describe, expect, test } from "vitest";
import { DatabaseError } from "../../src/database-error.ts";
import { ProcrastinateError } from "../../src/errors.ts";

const MESSAGE = 'duplicate key value violates unique constraint "procrastinate_jobs_queueing_key_idx"';
const CONSTRAINT = "procrastinate_jobs_queueing_key_idx";

function withFields(message: string, fields: object): Error {
  return Object.assign(new Error(message), fields);
}

const pgError = Object.assign(new PgError(MESSAGE, 200, "error"), {
  severity: "ERROR",
  code: "23505",
  constraint: CONSTRAINT,
});
const postgresJsError = withFields(MESSAGE, { severity: "ERROR", code: "23505", constraint_name: CONSTRAINT });

/** As Prisma 7 throws it for raw SQL; `constraint` depends on the driver adapter. */
function prismaError(constraint: object | undefined): Error {
  const cause = { originalCode: "23505", originalMessage: MESSAGE, kind: "UniqueConstraintViolation", constraint };
  return withFields("\nInvalid `prisma.$queryRawUnsafe()` invocation:\n\nRaw query failed. Code: `23505`.", {
    code: "P2010",
    clientVersion: "7.10.0",
    meta: { driverAdapterError: withFields("UniqueConstraintViolation", { name: "DriverAdapterError", cause }) },
  });
}

function innermost(error: unknown): unknown {
  const { cause } = error as { cause?: unknown };
  return cause === undefined ? error : innermost(cause);
}

/** An error that is its own cause, by a way round. */
function circle(): Error {
  const error = new Error("round");
  error.cause = new Error("round", { cause: error });
  return error;
}

describe("the error of a driver", () => {
  test.each<[string, unknown]>([
    ["node-postgres", pgError],
    ["postgres.js", postgresJsError],
    ["PGlite", withFields(MESSAGE, { code: "23505", constraint: CONSTRAINT, severity: "ERROR" })],
    ["Bun", withFields(MESSAGE, { errno: "23505", code: "ERR_POSTGRES_SERVER_ERROR", constraint: CONSTRAINT })],
    ["Drizzle over node-postgres", new DrizzleQueryError("insert …", [], pgError)],
    ["Drizzle over postgres.js", new DrizzleQueryError("insert …", [], postgresJsError)],
    ["Prisma over adapter-pg", prismaError({ index: CONSTRAINT })],
    ["Prisma over PGlite", prismaError({ fields: ["queueing_key"] })],
    ["a driver that has only a message", withFields(MESSAGE, { code: "23505" })],
    ["one inside two others", new Error("outer", { cause: new Error("inner", { cause: pgError }) })],
    ["one that is no Error", { code: "23505", message: MESSAGE, constraint: CONSTRAINT }],
  ])("says the same through %s", (_driver, cause) => {
    const error = new DatabaseError("insert_jobs", cause);
    expect(error).toMatchObject({ name: "DatabaseError", code: "database", sqlState: "23505", constraint: CONSTRAINT });
    expect(error).toMatchObject({ message: `${MESSAGE} (insert_jobs)`, statement: "insert_jobs" });
    expect(error.cause).toBe(innermost(cause));
    expect(error).toBeInstanceOf(ProcrastinateError);
  });

  test("keeps the SQL and its parameters, which may be secret, out of what is logged", () => {
    const wrapped = new DrizzleQueryError("insert into secret", ["password"], pgError);
    expect(inspect(wrapped)).toContain("password");
    expect(inspect(new DatabaseError("insert_jobs", wrapped), { depth: 10 })).not.toContain("password");
    const lost = new DrizzleQueryError("insert into secret", ["password"], withFields("lost", { code: "ECONNRESET" }));
    expect(inspect(new DatabaseError("insert_jobs", lost), { depth: 10 })).not.toContain("password");
  });

  test("has no constraint where none was violated", () => {
    const error = new DatabaseError("x", withFields('relation "constraints" does not exist', { code: "42P01" }));
    expect(error).toMatchObject({ sqlState: "42P01", constraint: undefined });
  });

  const refused = withFields("connect ECONNREFUSED 127.0.0.1:1", { code: "ECONNREFUSED", errno: -111 });

  test.each<[string, unknown, string]>([
    ["a refused connection", refused, "connect ECONNREFUSED 127.0.0.1:1"],
    ["a broken pipe", withFields("write EPIPE", { code: "EPIPE", errno: -32 }), "write EPIPE"],
    ["a reset connection", withFields("read ECONNRESET", { code: "ECONNRESET" }), "read ECONNRESET"],
    ["postgres.js's own", withFields("write CONNECTION_ENDED", { code: "CONNECTION_ENDED" }), "write CONNECTION_ENDED"],
    [
      "node's of several addresses",
      withFields("", { errors: [refused, new Error("connect ECONNREFUSED ::1:1")], code: "ECONNREFUSED" }),
      "connect ECONNREFUSED 127.0.0.1:1; connect ECONNREFUSED ::1:1",
    ],
    ["an AggregateError with a message", new AggregateError([refused], "all failed"), "all failed"],
    ["an error without a message", withFields("", { code: "ECONNRESET" }), "ECONNRESET"],
    ["an error without anything", new Error(""), "no message"],
    ["causes in a circle", circle(), "round"],
    ["Prisma's unreachable server", withFields("Can't reach server", { code: "P1001" }), "Can't reach server"],
    [
      "Prisma's, after the place where it was called",
      withFields(
        "\nInvalid `prisma.$queryRawUnsafe()` invocation in\napp.ts:1:2\n\n→ 1 secret()\nRaw query failed.",
        {},
      ),
      "Raw query failed.",
    ],
    ["Prisma's closed transaction", withFields("Transaction API error", { code: "P2028" }), "Transaction API error"],
    ["an ended pool", new Error("Cannot use a pool after calling end on the pool"), "Cannot use a pool after"],
    ["one inside Drizzle's", new DrizzleQueryError("insert", [], refused), "connect ECONNREFUSED 127.0.0.1:1"],
    ["null", null, "null"],
    ["undefined", undefined, "undefined"],
    ["a text", "gone", "gone"],
  ])("has no SQLSTATE where Postgres did not answer: %s", (_what, cause, message) => {
    const error = new DatabaseError("beat_worker", cause);
    expect(error.message).toContain(`No answer from Postgres (beat_worker): ${message}`);
    expect(error.message).toMatch(
      /[^.]\. Check that it runs, and that the app connects to the right host, port and database\.$/,
    );
    expect(error).toMatchObject({ sqlState: undefined, constraint: undefined });
    expect([error.isConnectionLoss, error.isTransient, error.isDataProblem]).toEqual([true, false, false]);
  });
});

describe("a SQLSTATE", () => {
  const kinds = (code: string): string[] => {
    const error = new DatabaseError("x", withFields("m", { code, severity: "ERROR" }));
    expect(error.sqlState).toBe(code);
    return [
      ...(error.isTransient ? ["transient"] : []),
      ...(error.isConnectionLoss ? ["connection"] : []),
      ...(error.isDataProblem ? ["data"] : []),
      ...(error.isRefusal ? [] : ["unknown"]),
    ];
  };

  test.each([
    ["40001", "serialization failure", ["transient"]],
    ["40P01", "deadlock", ["transient"]],
    ["40002", "integrity at commit", []],
    ["08006", "connection failure", ["connection", "unknown"]],
    ["08P01", "protocol violation", ["connection", "unknown"]],
    ["57P01", "admin shutdown", ["connection", "unknown"]],
    ["57P03", "cannot connect now", ["connection", "unknown"]],
    ["57014", "query canceled", []],
    ["53300", "too many connections", ["connection", "unknown"]],
    ["53200", "out of memory", ["unknown"]],
    ["53100", "disk full", ["unknown"]],
    ["58030", "I/O error", ["unknown"]],
    ["40003", "statement completion unknown", ["unknown"]],
    ["25006", "read-only transaction, as after a failover", ["connection", "unknown"]],
    ["25P02", "aborted transaction", []],
    ["22P05", "untranslatable character", ["data"]],
    ["23505", "unique violation", ["data"]],
    ["23514", "check violation", ["data"]],
    ["54000", "program limit", ["data"]],
    ["42P01", "undefined table", []],
    ["42703", "undefined column", []],
    ["42501", "no privilege", []],
    ["P0001", "raised by a trigger of the app", []],
    ["XX000", "internal error", ["unknown"]],
  ])("%s, %s, is of the right kind", (code, _what, expected) => {
    expect(kinds(code)).toEqual(expected);
  });
});
