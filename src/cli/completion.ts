import tab from "@bomb.sh/tab/commander";
import type { Command } from "commander";
import { BASH_COMPLETION } from "./bash-completion.ts";
import type { CommandContext } from "./command-context.ts";

/**
 * `procrastinate completion SHELL` prints a script; that one calls the hidden `procrastinate complete -- …`. Reads what
 * all commands and their options are, so it comes last.
 */
export function addCompletion(program: Command, context: CommandContext): void {
  const completion = tab(program, { completionCommandName: "completion" });
  for (const command of program.commands) {
    if (command.name() === "completion") {
      command.description("print the script that lets a shell complete this command line");
      command.action((shell: string) => {
        if (shell === "bash") context.print(BASH_COMPLETION);
        else completion.setup(program.name(), program.name(), shell);
      });
    } else if (command.name() === "complete") {
      for (const argument of command.registeredArguments) argument.description = "the words of the line so far";
    }
  }
}
