import type { StandardSchemaV1 } from "@standard-schema/spec";
import { InvalidArgsError } from "../errors.ts";
import type { AnyTask } from "./task.ts";

/**
 * What the task's schema makes of the arguments; the arguments themselves where it has none.
 *
 * @throws InvalidArgsError when the schema refuses them.
 */
export function validateArgs(task: AnyTask, args: unknown): unknown | Promise<unknown> {
  if (!task.schema) return args;
  const result = task.schema["~standard"].validate(args);
  // Any thenable, or one that is no Promise of this realm would pass for a result without issues.
  return "then" in result ? Promise.resolve(result).then((settled) => outputOf(task, settled)) : outputOf(task, result);
}

function outputOf(task: AnyTask, result: StandardSchemaV1.Result<unknown>): unknown {
  if (!result.issues) return result.value;
  const [issue] = result.issues;
  const reason = `is refused by the task's schema: ${issue?.message ?? "no reason given"}`;
  throw new InvalidArgsError(task.name, pathOf(issue?.path ?? []), reason, { cause: result.issues });
}

/** Written like those of arguments that are no JSON: `args.items[2].price`. */
function pathOf(parts: NonNullable<StandardSchemaV1.Issue["path"]>): string {
  const keys = parts.map((part) => (typeof part === "object" ? part.key : part));
  return `args${keys.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("")}`;
}
