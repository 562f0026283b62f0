import { CommanderError } from "commander";
import {
  AppLoadError,
  InvalidArgsError,
  InvalidOptionError,
  SchemaMismatchError,
  TaskNotFoundError,
} from "../errors.ts";
import { EXIT } from "./exit-codes.ts";

const USAGE_ERRORS = [AppLoadError, InvalidArgsError, InvalidOptionError, TaskNotFoundError];

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof SchemaMismatchError) return EXIT.schema;
  return USAGE_ERRORS.some((type) => error instanceof type) ? EXIT.usage : EXIT.failure;
}

/** The message of an error with those of its causes, each once, without the secrets of connection strings. */
export function errorText(error: unknown, withStack: boolean): string {
  const lines: string[] = [];
  for (let current = error, depth = 0; current !== undefined && depth < 10; depth++) {
    const message = messageOf(current);
    if (!lines.some((line) => line.includes(message))) lines.push(depth === 0 ? message : `  because: ${message}`);
    if (withStack && current instanceof Error && current.stack) lines.push(current.stack);
    current = current instanceof Error ? current.cause : undefined;
  }
  return redact(lines.join("\n"));
}

/** Node's AggregateError of a refused connection has an empty message. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError && !error.message) return error.errors.map(messageOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}

function redact(text: string): string {
  return text.replace(/(\w+:\/\/[^\s:/@]*):[^\s@]*@/g, "$1:***@");
}
