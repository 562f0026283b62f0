import type { DriverClient } from "../src/driver/driver-client.ts";
import { explainFailure as explainByDriver } from "../src/driver/explain-failure.ts";
import { ConnectorError, type ProcrastinateError } from "../src/errors.ts";

/** Prisma's code for all that goes wrong with a transaction as such. */
const TRANSACTION_FAILED = "P2028";

/** The error for what Prisma threw: one of ours stays what it is. */
export function explainFailure(what: string, error: unknown, client: DriverClient | undefined): ProcrastinateError {
  if (!isTransactionFailure(error)) return explainByDriver(what, error, client);
  return new ConnectorError(`${lastLine(error.message)} (${what}) ${fixOf(error.meta)}`, { cause: error });
}

interface TransactionFailure {
  readonly message: string;
  readonly meta?: { readonly timeout?: unknown };
}

function isTransactionFailure(error: unknown): error is TransactionFailure {
  return error instanceof Error && "code" in error && error.code === TRANSACTION_FAILED;
}

/** Only one that ran for too long says for how long it may. */
function fixOf(meta: TransactionFailure["meta"]): string {
  if (typeof meta?.timeout === "number") {
    return `Everything in it was rolled back. Do less in it, or give it more time: prisma.$transaction(work, { timeout: ${meta.timeout * 4} }).`;
  }
  return (
    "Await everything that uses tx before the callback ends. A transaction that cannot even start needs a free connection " +
    "of the pool: raise its max, or prisma.$transaction(work, { maxWait })."
  );
}

/** Before it Prisma prints where it was called, with some lines of the app's source. */
function lastLine(message: string): string {
  return message.trim().split("\n").at(-1) ?? "";
}
