import { type Command, InvalidArgumentError, Option } from "commander";
import { InvalidOptionError } from "../errors.ts";

/** Where a command finds its environment: `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

const TRUE = ["true", "1", "yes", "on"];
const FALSE = ["false", "0", "no", "off"];

/** Declares an option with a value, which the environment may give too: `--dry-run` of `worker` as PROCRASTINATE_WORKER_DRY_RUN. */
export function addOption(
  command: Command,
  flags: string,
  description: string,
  parse?: (value: string) => unknown,
): Command {
  const option = new Option(flags, description);
  option.env(environmentName(command, option.name()));
  if (parse) option.argParser(parse);
  return command.addOption(option);
}

/**
 * Declares `--name` and `--no-name`. Commander takes any value of an environment variable for true, also `false` and
 * `0`, so that these are read by `flagOf`.
 */
export function addFlag(command: Command, flags: string, description: string): Command {
  const option = new Option(flags, description);
  const name = environmentName(command, option.name());
  option.description = `${description} (env: ${name})`;
  command.addOption(option);
  return command.addOption(
    new Option(`--no-${option.name()}`, `turn --${option.name()} off, whatever the environment says`),
  );
}

/** What the command line says of a flag, else the environment, else undefined. @throws InvalidOptionError */
export function flagOf(command: Command, key: string, environment: Environment): boolean | undefined {
  if (command.getOptionValueSource(key) === "cli") return command.getOptionValue(key) === true;
  const variable = environmentName(command, dashed(key));
  const text = environment[variable]?.trim().toLowerCase();
  if (text === undefined || text === "") return undefined;
  if (TRUE.includes(text)) return true;
  if (FALSE.includes(text)) return false;
  throw new InvalidOptionError(variable, text, `is not one of ${[...TRUE, ...FALSE].join(", ")}.`);
}

export function parseNumber(value: string): number {
  const number = Number(value);
  if (value.trim() === "" || !Number.isFinite(number)) throw new InvalidArgumentError(`"${value}" is not a number.`);
  return number;
}

/** A number of seconds, as a duration. */
export function parseSeconds(value: string): { seconds: number } {
  const seconds = parseNumber(value);
  if (seconds < 0) throw new InvalidArgumentError(`"${value}" is less than 0 seconds.`);
  return { seconds };
}

/** Names between commas; none of an empty text. */
export function parseNames(value: string): string[] {
  const names = value.split(",").map((name) => name.trim());
  return names.filter((name) => name !== "");
}

function environmentName(command: Command, option: string): string {
  const owners: string[] = [];
  for (let owner = command; owner.parent; owner = owner.parent) owners.unshift(`${owner.name()}_`);
  return `PROCRASTINATE_${owners.join("")}${option}`.replaceAll("-", "_").toUpperCase();
}

function dashed(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
