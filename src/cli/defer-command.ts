import type { Command } from "commander";
import { type DeferOptions, InvalidArgsError } from "../index.ts";
import type { CommandContext } from "./command-context.ts";
import { readArgs } from "./json-args.ts";
import { addFlag, addOption, parseNumber } from "./options.ts";
import { hasCode } from "./print-error.ts";
import { addScheduleOptions, scheduleOf } from "./schedule-options.ts";

/** `procrastinate defer TASK [ARGS]`: writes a job and prints its id. */
export function addDeferCommand(program: Command, context: CommandContext): void {
  const command = program.command("defer").description("defer a job and print its id");
  command.argument("<task>", "name of the task");
  command.argument("[args]", "arguments as a JSON object; - reads them from stdin", "{}");
  addOption(command, "--queue <name>", "queue instead of the task's");
  addOption(command, "--lock <text>", "lock instead of the task's");
  addOption(command, "--lock-mode <mode>", "lock mode instead of the task's", ["ordered", "mutex"]);
  addOption(command, "--queueing-lock <text>", "queueing lock instead of the task's");
  addOption(command, "--priority <number>", "priority instead of the task's", parseNumber);
  addScheduleOptions(command);
  addFlag(command, "-i, --ignore-already-enqueued", "exit with 0 when the queueing lock is taken");
  addFlag(command, "--unknown", "allow a task that the app does not have");
  command.action(async (name: string, text: string) => {
    const { ignoreAlreadyEnqueued = false, unknown: allowUnknown = false } = command.opts<Flags>();
    const options = { ...deferOptionsOf(command), ...scheduleOf(command), allowUnknown };
    const read = readArgs(text === "-" ? await context.readStdin() : text);
    if ("problem" in read) throw new InvalidArgsError(name, "args", read.problem);
    const app = await context.loadApp();
    try {
      context.print(String(await app.deferByName(name, read.args as never, options)));
    } catch (error) {
      if (!ignoreAlreadyEnqueued || !hasCode(error, "already_enqueued")) throw error;
      context.printError("Already enqueued: a job with this queueing lock is waiting.");
    }
  });
}

interface Flags {
  readonly ignoreAlreadyEnqueued?: boolean;
  readonly unknown?: boolean;
}

type Given = Pick<DeferOptions, "queue" | "lock" | "lockMode" | "queueingLock" | "priority">;

/** What was given of what stands instead of the task's own. */
function deferOptionsOf(command: Command): Given {
  const { queue, lock, lockMode, queueingLock, priority } = command.opts<Given>();
  const given = Object.entries({ queue, lock, lockMode, queueingLock, priority });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}
