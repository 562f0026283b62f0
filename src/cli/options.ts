import { type Command, InvalidArgumentError, Option } from "commander";
import { InvalidOptionError } from "../errors.ts";

const TRUE = ["true", "1", "yes", "on"];
const FALSE = ["false", "0", "no", "off"];

/**
 * Declares an option with a value, which the environment may give too: `--max-rescues` of `worker` as PROCRASTINATE_WORKER_MAX_RESCUES.
 *
 * @param values What makes a value of the text, or the texts that there are.
 */
export function addOption(
  command: Command,
  flags: string,
  description: string,
  values?: ((text: string) => unknown) | readonly string[],
): Command {
  const option = new Option(flags, description);
  option.env(environmentName(command, option.name()));
  if (typeof values === "function") option.argParser(values);
  else if (values) option.choices(values);
  return command.addOption(option);
}

/** Declares `--name` and `--no-name`. @param parse What a text of the environment says; undefined where it says neither. */
export function addFlag(
  command: Command,
  flags: string,
  description: string,
  parse: (text: string) => boolean | undefined = parseFlag,
): void {
  const option = new Option(flags, description);
  const variable = environmentName(command, option.name());
  option.description = `${description} (env: ${variable})`;
  command.addOption(option);
  command.addOption(new Option(`--no-${option.name()}`, `turn --${option.name()} off, whatever the environment says`));
  // Commander itself takes any value of a variable for true, also `false` and `0`.
  command.hook("preAction", () => {
    const key = option.attributeName();
    const text = process.env[variable]?.trim().toLowerCase();
    if (!text || command.getOptionValueSource(key) !== undefined) return;
    const value = parse(text);
    if (value === undefined) {
      throw new InvalidOptionError(variable, text, `is not one of ${[...TRUE, ...FALSE].join(", ")}.`);
    }
    command.setOptionValueWithSource(key, value, "env");
  });
}

/** Declares a flag that must be typed each time, as what it does cannot be undone: the environment does not give it. */
export function addTypedFlag(command: Command, flags: string, description: string): void {
  command.addOption(new Option(flags, description));
}

export function parseFlag(text: string): boolean | undefined {
  if (TRUE.includes(text)) return true;
  return FALSE.includes(text) ? false : undefined;
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

/**
 * The options that count among those that say the same thing in several ways: what was typed wins over the environment.
 *
 * @returns the keys of those that were given.
 */
export function decisive(command: Command, keys: readonly string[]): readonly string[] {
  const given = keys.filter((key) => command.getOptionValue(key) !== undefined);
  const typed = given.filter((key) => command.getOptionValueSource(key) === "cli");
  return typed.length > 0 ? typed : given;
}

/** How somebody gave an option: `--max-rescues`, or the variable of the environment. Undefined where nobody did. */
export function givenName(command: Command, key: string): string | undefined {
  const option = command.options.find((each) => each.attributeName() === key && !each.negate);
  if (option === undefined) return undefined;
  const source = command.getOptionValueSource(key);
  if (source === "env") return environmentName(command, option.name());
  return source === "cli" ? `--${option.name()}` : undefined;
}

function environmentName(command: Command, option: string): string {
  const owners: string[] = [];
  for (let owner = command; owner.parent; owner = owner.parent) owners.unshift(`${owner.name()}_`);
  return `PROCRASTINATE_${owners.join("")}${option}`.replaceAll("-", "_").toUpperCase();
}
