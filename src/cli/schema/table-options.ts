import type { Command } from "commander";
import { InvalidOptionError } from "../../errors.ts";
import { type TableOptions, tableNames } from "../../sql/statement.ts";
import { addOption } from "../options.ts";

/** Declares `--schema` and `--prefix`: where the tables are. */
export function addTableOptions(command: Command): void {
  addOption(command, "--schema <name>", "Postgres schema of the tables");
  addOption(command, "--prefix <text>", "what the names of the tables begin with, instead of procrastinate_");
}

/** @throws InvalidOptionError when a name is none that Postgres can have. */
export function tableOptionsOf(command: Command): TableOptions {
  const { schema, prefix } = command.opts<TableOptions>();
  const options = { ...(schema === undefined ? {} : { schema }), ...(prefix === undefined ? {} : { prefix }) };
  tableNames(options);
  return options;
}

/** What can stand between quotes in a file of an ORM's schema, and is found again by `schema sync`. */
const WRITABLE = /^[\p{L}\p{M}\p{N}_ .-]+$/u;

/** @throws InvalidOptionError when a name cannot. */
export function checkWritable({ schema, prefix }: TableOptions): void {
  for (const [option, name] of Object.entries({ schema, prefix })) {
    if (name !== undefined && !WRITABLE.test(name)) {
      throw new InvalidOptionError(
        `--${option}`,
        name,
        "has a character that cannot stand in a schema file. Use letters, digits and _.",
      );
    }
  }
  if (schema?.startsWith("pg_")) {
    throw new InvalidOptionError("--schema", schema, "begins with pg_, which Postgres keeps for itself.");
  }
}
