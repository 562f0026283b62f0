import type { Command } from "commander";
import { InvalidOptionError } from "../../errors.ts";
import { SCHEMA_VERSION } from "../../schema-version.ts";
import { extrasScript, migrationScript } from "../../sql/migration-script.ts";
import type { CommandContext } from "../command-context.ts";
import { addOption, parseNumber } from "../options.ts";
import { readPackageFile } from "../package-files.ts";
import { migrationsAfter } from "./migrations.ts";
import { addTableOptions, tableOptionsOf } from "./table-options.ts";

/** `procrastinate schema sql`: prints the tables, or what upgrades them, as SQL. */
export function addSqlCommand(schema: Command, context: CommandContext): void {
  const command = schema.command("sql").description("print the SQL that makes or upgrades the tables");
  addOption(command, "--from <version>", "upgrade tables of this version instead of making them", parseNumber);
  addTableOptions(command);
  addOption(command, "--extras <orm>", "only what the schema of this ORM cannot say", ["prisma", "drizzle"]);
  command.action(() => {
    const { from, extras } = command.opts<{ from?: number; extras?: "prisma" | "drizzle" }>();
    const options = tableOptionsOf(command);
    if (extras !== undefined) {
      if (from !== undefined) throw new InvalidOptionError("--from", from, "cannot be given with --extras.");
      context.print(extrasScript(readPackageFile("prisma/procrastinate.sql"), extras, options));
      return;
    }
    const migrations = migrationsAfter(from);
    if (migrations.length === 0) {
      // A comment, so that it may be piped on all the same.
      context.print(`-- The tables have version ${SCHEMA_VERSION} already: nothing to do.`);
      return;
    }
    context.print(migrationScript(migrations, options));
  });
}
