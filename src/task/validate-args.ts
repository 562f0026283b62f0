import { InvalidArgsError } from "../errors.ts";
import type { AnyTask } from "./define-task.ts";

/**
 * What the task's schema makes of the arguments; the arguments themselves where it has none.
 *
 * @throws InvalidArgsError when the schema refuses them.
 */
export function validateArgs(task: AnyTask, args: unknown): unknown | Promise<unknown> {
  if (!task.schema) return args;
  const result = task.schema["~standard"].validate(args);
  return result instanceof Promise ? result.then((settled) => outputOf(task, settled)) : outputOf(task, result);
}

type Result = Awaited<ReturnType<NonNullable<AnyTask["schema"]>["~standard"]["validate"]>>;

function outputOf(task: AnyTask, result: Result): unknown {
  if (!result.issues) return result.value;
  const [issue] = result.issues;
  const keys = (issue?.path ?? []).map((part) => (typeof part === "object" ? part.key : part));
  const path = ["args", ...keys.map(String)].join(".");
  throw new InvalidArgsError(task.name, path, `is refused by the task's schema: ${issue?.message ?? "no reason given"}`, {
    cause: result.issues,
  });
}
