import { inspect } from "node:util";
import { CommanderError } from "commander";
import type { ErrorCode } from "../index.ts";
import { printable } from "../printable.ts";
import { EXIT } from "./exit-codes.ts";

const USAGE_CODES: readonly unknown[] = [
  "app_load",
  "invalid_args",
  "invalid_option",
  "periodic_task_already_registered",
  "schedule_not_found",
  "schema_file",
  "task_already_registered",
  "task_not_found",
  "task_not_runnable",
] satisfies ErrorCode[];

/** By code and not by class: the app may have loaded another copy of this package. */
export function hasCode(error: unknown, code: ErrorCode): error is Error {
  return error instanceof Error && "code" in error && error.code === code;
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (hasCode(error, "schema_mismatch")) return EXIT.schema;
  return error instanceof Error && "code" in error && USAGE_CODES.includes(error.code) ? EXIT.usage : EXIT.failure;
}

/**
 * The message of an error with those of its causes, each once, without the secrets of connection strings and without what
 * would control the terminal.
 */
export function errorText(error: unknown, withStack: boolean): string {
  const lines: string[] = [];
  for (const [depth, each] of withCauses(error).entries()) {
    // Anything can be thrown. What a schema found is no error, and is in the message that it is the cause of.
    const message = messageOf(each) ?? (depth === 0 ? inspect(each) : undefined);
    if (message === undefined) break;
    if (!lines.some((line) => line.includes(message))) lines.push(depth === 0 ? message : `  because: ${message}`);
    if (withStack && each instanceof Error && each.stack) lines.push(each.stack);
  }
  return printable(redact(lines.join("\n")));
}

function withCauses(error: unknown): unknown[] {
  const chain = [error];
  for (let last = error; last instanceof Error && last.cause !== undefined && chain.length < 10; last = last.cause) {
    chain.push(last.cause);
  }
  return chain;
}

/** Node's AggregateError of a refused connection has an empty message. */
function messageOf(error: unknown): string | undefined {
  if (error instanceof AggregateError && !error.message) return error.errors.map(messageOf).join("; ");
  if (error instanceof Error) return error.message;
  return typeof error === "object" && error !== null ? undefined : String(error);
}

/** What is before the last @ of a URL is its user and password, whatever characters that has. */
function redact(text: string): string {
  return text
    .replace(/(\w+:\/\/[^\s:/@]*):\S*@/g, "$1:***@")
    .replace(/((?:password|passwd|pwd)\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s&;'"]+)/gi, "$1***");
}
