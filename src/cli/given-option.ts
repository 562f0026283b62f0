import type { Command } from "commander";
import { givenName } from "./options.ts";
import { hasCode } from "./print-error.ts";

/** What the library calls otherwise than the command line does. */
const KEYS: Readonly<Record<string, string>> = { scheduleAt: "at", scheduleIn: "in" };

/** Makes an error of an option name it as it was given to the command: `--finished-after`, not `finishedAfter`. */
export function nameGivenOption(command: Command, error: unknown): void {
  if (!hasCode(error, "invalid_option") || !("option" in error)) return;
  const option = String(error.option);
  const name = option
    .split(".")
    .map((part) => givenName(command, KEYS[part] ?? part))
    .find((each) => each !== undefined);
  if (name !== undefined && error.message.startsWith(`${option}:`)) {
    error.message = `${name}:${error.message.slice(option.length + 1)}`;
  }
}
