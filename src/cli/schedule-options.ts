import type { Command } from "commander";
import { InvalidOptionError, type Schedule } from "../index.ts";
import { addOption, decisive, givenName, parseSeconds } from "./options.ts";

interface Given {
  readonly at?: string;
  readonly in?: { readonly seconds: number };
}

/** Declares `--at` and `--in`: when a job may start. */
export function addScheduleOptions(command: Command): void {
  addOption(command, "--at <time>", "earliest start, ISO 8601 with offset");
  addOption(command, "--in <seconds>", "earliest start from now, instead of --at", parseSeconds);
}

/** @throws InvalidOptionError when both were typed, or both are in the environment. */
export function scheduleOf(command: Command): Schedule {
  const { at, in: delay } = command.opts<Given>();
  const [first, second] = decisive(command, ["at", "in"]);
  if (second !== undefined) {
    const fix = `cannot be used with ${givenName(command, "in")}. Give one of them.`;
    throw new InvalidOptionError(givenName(command, "at") ?? "at", at, fix);
  }
  if (first === "at" && at !== undefined) return { scheduleAt: at };
  return first === "in" && delay !== undefined ? { scheduleIn: delay } : {};
}
