import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { addAddCommand } from "./add-command.ts";
import { addCheckCommand } from "./check-command.ts";
import { addSqlCommand } from "./sql-command.ts";
import { addSyncCommand } from "./sync-command.ts";

/** `procrastinate schema …`: the queue's tables in the app's own ORM schema and migrations. */
export function addSchemaCommand(program: Command, context: CommandContext): void {
  const command = program.command("schema").description("add, upgrade and check the queue's tables");
  addAddCommand(command, context);
  addSyncCommand(command, context);
  addCheckCommand(command, context);
  addSqlCommand(command, context);
}
