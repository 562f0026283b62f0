import tab from "@bomb.sh/tab/commander";
import type { Command } from "commander";

/**
 * `procrastinate completion SHELL` prints a script; that one calls the hidden `procrastinate complete -- …`. Reads what
 * all commands and their options are, so it comes last.
 */
export function addCompletion(program: Command): void {
  tab(program, { completionCommandName: "completion" });
  for (const command of program.commands) {
    if (command.name() === "completion") {
      command.description("print the script that lets a shell complete this command line");
    } else if (command.name() === "complete") {
      for (const argument of command.registeredArguments) argument.description = "the words of the line so far";
    }
  }
}
