import { CommanderError } from "commander";
import type { ErrorCode } from "../index.ts";
import { EXIT } from "./exit-codes.ts";

const USAGE_CODES: readonly unknown[] = [
  "app_load",
  "invalid_args",
  "invalid_option",
  "schema_file",
  "task_already_registered",
  "task_not_found",
  "task_not_runnable",
] satisfies ErrorCode[];

/** By code and not by class: the app may have loaded another copy of this package. */
export function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (hasCode(error, "schema_mismatch")) return EXIT.schema;
  return error instanceof Error && "code" in error && USAGE_CODES.includes(error.code) ? EXIT.usage : EXIT.failure;
}

/** The message of an error with those of its causes, each once, without the secrets of connection strings. */
export function errorText(error: unknown, withStack: boolean): string {
  const lines: string[] = [];
  for (let current = error, depth = 0; current !== undefined && depth < 10; depth++) {
    const message = messageOf(current);
    // What a schema found is no error, and is in the message that it is the cause of.
    if (message === undefined) break;
    if (!lines.some((line) => line.includes(message))) lines.push(depth === 0 ? message : `  because: ${message}`);
    if (withStack && current instanceof Error && current.stack) lines.push(current.stack);
    current = current instanceof Error ? current.cause : undefined;
  }
  return redact(lines.join("\n"));
}

/** Node's AggregateError of a refused connection has an empty message. */
function messageOf(error: unknown): string | undefined {
  if (error instanceof AggregateError && !error.message) return error.errors.map(messageOf).join("; ");
  if (error instanceof Error) return error.message;
  return typeof error === "object" && error !== null ? undefined : String(error);
}

function redact(text: string): string {
  return text.replace(/(\w+:\/\/[^\s:/@]*):[^\s@]*@/g, "$1:***@");
}
