import { type Command, Option } from "commander";
import { type DeferOptions, InvalidOptionError } from "../index.ts";
import type { CommandContext } from "./command-context.ts";
import { addFlag, addOption, flagOf, parseNumber, parseSeconds } from "./options.ts";
import { hasCode } from "./print-error.ts";

/** `procrastinate defer TASK [ARGS]`: writes a job and prints its id. */
export function addDeferCommand(program: Command, context: CommandContext): void {
  const command = program.command("defer").description("defer a job and print its id");
  command.argument("<task>", "name of the task");
  command.argument("[args]", "arguments as a JSON object; - reads them from stdin", "{}");
  addOption(command, "--queue <name>", "queue instead of the task's");
  addOption(command, "--lock <text>", "lock instead of the task's");
  addOption(command, "--lock-mode <mode>", "ordered or mutex instead of the task's");
  addOption(command, "--queueing-lock <text>", "queueing lock instead of the task's");
  addOption(command, "--priority <number>", "priority instead of the task's", parseNumber);
  command.addOption(
    new Option("--at <time>", "earliest start, ISO 8601 with offset").env("PROCRASTINATE_DEFER_AT").conflicts("in"),
  );
  addOption(command, "--in <seconds>", "earliest start from now", parseSeconds);
  addFlag(command, "-i, --ignore-already-enqueued", "exit with 0 when the queueing lock is taken");
  addFlag(command, "--unknown", "allow a task that the app does not have");
  command.action(async (name: string, args: string) => {
    const { at, in: delay, ...given } = command.opts<{ at?: string; in?: { seconds: number } }>();
    const isIgnored = flagOf(command, "ignoreAlreadyEnqueued", context.environment) ?? false;
    const allowUnknown = flagOf(command, "unknown", context.environment) ?? false;
    const { queue, lock, lockMode, queueingLock, priority } = given as Pick<
      DeferOptions,
      "queue" | "lock" | "lockMode" | "queueingLock" | "priority"
    >;
    const options = Object.fromEntries(
      Object.entries({ queue, lock, lockMode, queueingLock, priority, scheduleAt: at, scheduleIn: delay }).filter(
        ([, value]) => value !== undefined,
      ),
    ) as DeferOptions;
    const parsed = parseArgs(args === "-" ? await context.readStdin() : args);
    const app = await context.loadApp();
    try {
      context.print(String(await app.deferByName(name, parsed as never, { ...options, allowUnknown })));
    } catch (error) {
      if (!isIgnored || !hasCode(error, "already_enqueued")) throw error;
      context.printError("Already enqueued: a job with this queueing lock is waiting.");
    }
  });
}

function parseArgs(text: string): object {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new InvalidOptionError("args", text, `is not JSON: ${error instanceof Error ? error.message : error}.`);
  }
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed;
  throw new InvalidOptionError("args", text, 'is not a JSON object, like {"userId":"1"}.');
}
