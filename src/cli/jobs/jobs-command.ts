import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { addCancelCommand, addDeleteCommand, addRetryCommand } from "./change-commands.ts";
import { addListCommand, addShowCommand } from "./list-command.ts";

/** `procrastinate jobs …`: looks at jobs and changes them. */
export function addJobsCommand(program: Command, context: CommandContext): void {
  const command = program.command("jobs").description("list, show, cancel, retry and delete jobs");
  addListCommand(command, context);
  addShowCommand(command, context);
  addCancelCommand(command, context);
  addRetryCommand(command, context);
  addDeleteCommand(command, context);
}
