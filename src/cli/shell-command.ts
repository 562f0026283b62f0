import { once } from "node:events";
import { start } from "node:repl";
import { inspect } from "node:util";
import type { Command } from "commander";
import type { CommandContext } from "./command-context.ts";
import type { AnyApp } from "./load-app.ts";
import { addOption } from "./options.ts";
import { runScript } from "./shell-script.ts";

/** `procrastinate shell`: JavaScript with the app at hand, line by line, what is piped in, or one expression. */
export function addShellCommand(program: Command, context: CommandContext): void {
  const command = program.command("shell").description("try things on the app, in JavaScript");
  command.argument("[code]", "evaluate this, print what it gives, and exit");
  addOption(command, "-e, --eval <code>", "the same");
  command.action(async (argument?: string) => {
    const code = argument ?? command.opts<{ eval?: string }>().eval;
    const app = await context.loadApp();
    const names = namesOf(app);
    if (code === undefined) {
      const { stdin, stdout } = process;
      return stdin.isTTY ? interact(names, context, { input: stdin, output: stdout }) : runScript(names, stdin);
    }
    const value = await evaluate(code, names);
    if (value !== undefined) context.print(typeof value === "string" ? value : inspect(value, { depth: 6 }));
  });
}

/** What code finds by its name: the app, all that it has, and its tasks by their names. */
export function namesOf(app: AnyApp): Record<string, unknown> {
  const tasks = Object.fromEntries(app.taskNames.map((name) => [name, app.getTask(name)]));
  return { ...app, app, tasks };
}

export interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

/** Reads lines until the end and prints what each gives; one that fails ends nothing. */
export async function interact(
  names: Record<string, unknown>,
  { printError }: Pick<CommandContext, "printError">,
  { input, output }: Terminal,
): Promise<void> {
  printError(`${Object.keys(names).join(", ")} are at hand, and await works. End with .exit or Ctrl-D.`);
  const session = start({ prompt: "procrastinate> ", ignoreUndefined: true, input, output });
  Object.assign(session.context, names);
  await once(session, "exit");
}

type AsyncFunction = (...values: unknown[]) => Promise<unknown>;
const AsyncFunction = (async () => undefined).constructor as new (...namesAndBody: string[]) => AsyncFunction;

/** The value of an expression; of statements, what they return. */
function evaluate(code: string, names: Record<string, unknown>): Promise<unknown> {
  const compile = (body: string): AsyncFunction => new AsyncFunction(...Object.keys(names), body);
  let run: AsyncFunction;
  try {
    run = compile(`return (${code}\n);`);
  } catch {
    run = compile(code);
  }
  return run(...Object.values(names));
}
