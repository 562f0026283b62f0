import type { StandardSchemaV1 } from "@standard-schema/spec";
import { InvalidArgsError } from "../errors.ts";
import type { AnyTask } from "./task.ts";

export interface ValidateHow {
  /**
   * Whether the error says what the schema said, which may quote the arguments, as valibot does: not where it is logged
   * and stored. Default: true.
   */
  readonly quotes?: boolean;
}

/**
 * What the task's schema makes of the arguments; the arguments themselves where it has none.
 *
 * @throws InvalidArgsError when the schema refuses them; its `cause` says all the places.
 */
export function validateArgs(task: AnyTask, args: unknown, how: ValidateHow = {}): unknown | Promise<unknown> {
  if (!task.schema) return args;
  const result = task.schema["~standard"].validate(args);
  // Any thenable, or one that is no Promise of this realm would pass for a result without issues.
  return "then" in result
    ? Promise.resolve(result).then((settled) => outputOf(task, settled, how))
    : outputOf(task, result, how);
}

const UNSAID = "What it says may quote them and is left out of what is logged: defer the same to read it.";

function outputOf(task: AnyTask, result: StandardSchemaV1.Result<unknown>, { quotes = true }: ValidateHow): unknown {
  if (!result.issues) return result.value;
  // Of an issue no more than this: valibot's have all of the arguments in them.
  const cause = result.issues.map(({ message, path = [] }) => ({ path: pathOf(path), ...(quotes ? { message } : {}) }));
  const [first] = cause;
  const said = quotes ? `: ${first?.message ?? "no reason given"}` : `. ${UNSAID}`;
  throw new InvalidArgsError(task.name, first?.path ?? "args", `is refused by the task's schema${said}`, { cause });
}

/** Written like those of arguments that are no JSON: `args.items[2].price`. */
function pathOf(parts: NonNullable<StandardSchemaV1.Issue["path"]>): string {
  const keys = parts.map((part) => (typeof part === "object" ? part.key : part));
  return `args${keys.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("")}`;
}
