import type { Complete, RootCommand } from "@bomb.sh/tab";
import tab from "@bomb.sh/tab/commander";
import type { Command } from "commander";
import { JOB_STATUSES } from "../job.ts";
import { BASH_COMPLETION } from "./bash-completion.ts";
import type { CommandContext } from "./command-context.ts";
import { loadNames, NO_NAMES, type OfferedNames } from "./offered-names.ts";
import { ZSH_COMPLETION } from "./zsh-completion.ts";

/** Not PowerShell: the library's script for it evaluates what was typed. */
const SHELLS = ["bash", "zsh", "fish"];
/** The script for fish is the library's. */
const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH_COMPLETION, zsh: ZSH_COMPLETION };

/** Which names options and arguments take. */
const NAMED: Readonly<Record<string, keyof OfferedNames>> = {
  task: "tasks",
  queue: "queues",
  queues: "queues",
};

/**
 * `procrastinate completion SHELL` prints a script; that one calls the hidden `procrastinate complete -- …`. Reads what
 * all commands and their options are, so it comes last.
 */
export function addCompletion(program: Command, context: CommandContext): void {
  const completion = tab(program, { completionCommandName: "completion" });
  for (const command of program.commands) {
    if (command.name() === "completion") {
      command.description("print the script that lets a shell complete this command line");
      for (const argument of command.registeredArguments) argument.choices(SHELLS);
      const shell = completion.commands.get("completion")?.arguments.get("shell");
      if (shell) shell.handler = offering(SHELLS);
      command.action((name: string) => {
        const script = SCRIPTS[name];
        if (script === undefined) completion.setup(program.name(), program.name(), name);
        else context.print(script);
      });
    } else if (command.name() === "complete") {
      for (const argument of command.registeredArguments) argument.description = "the words of the line so far";
      command.action((words: string[]) => complete(completion, words, context));
    }
  }
}

/** Loads the app only where its names are asked for: at each TAB it would take too long. */
async function complete(completion: RootCommand, words: readonly string[], context: CommandContext): Promise<void> {
  let isAsked = false;
  let names = NO_NAMES;
  const handlerOf = (wanted: keyof OfferedNames) => (offer: Complete) => {
    isAsked = true;
    offering(names[wanted].map((name) => withOthers(name, words.at(-1) ?? "")))(offer);
  };
  for (const command of completion.commands.values()) {
    for (const [name, taken] of [...command.options, ...command.arguments]) {
      const wanted = NAMED[name];
      if (wanted !== undefined) taken.handler = handlerOf(wanted);
      if (name === "status")
        taken.handler = offering(JOB_STATUSES.map((status) => withOthers(status, words.at(-1) ?? "")));
    }
  }
  const print = (): void => completion.parse([...words]);
  await withoutOutput(async () => {
    print();
    if (isAsked) names = await loadNames(words, context);
  });
  print();
}

function offering(values: readonly string[]): (offer: Complete) => void {
  return (offer) => {
    for (const value of values) offer(value, "");
  };
}

/** Behind those that stand there already: `emails,def` becomes `emails,default`. */
function withOthers(name: string, word: string): string {
  const value = word.startsWith("--") ? word.slice(word.indexOf("=") + 1) : word;
  return value.slice(0, value.lastIndexOf(",") + 1) + name;
}

/** What an app prints while it is loaded is nothing that a shell should offer. */
async function withoutOutput(work: () => Promise<void>): Promise<void> {
  const { write } = process.stdout;
  process.stdout.write = () => true;
  try {
    await work();
  } finally {
    process.stdout.write = write;
  }
}
