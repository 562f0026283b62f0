import type { Command } from "commander";
import { type Mock, vi } from "vitest";
import { nameGivenOption } from "../../src/cli/given-option.ts";
import type { AnyApp } from "../../src/cli/load-app.ts";
import { createProgram } from "../../src/cli/program.ts";

export interface CliSurroundings {
  readonly app?: unknown;
  readonly env?: Readonly<Record<string, string>>;
  /** What is piped in. */
  readonly input?: string;
}

export interface CliRun {
  /** What it was asked for, line by line. */
  readonly printed: readonly string[];
  readonly errors: readonly string[];
  /** What it failed with; undefined where it did not. */
  readonly error: unknown;
  readonly loadApp: Mock<(module?: string) => Promise<AnyApp>>;
}

/** Runs a command line in this process, which takes no time. */
export async function runCli(args: readonly string[], { app, env = {}, input = "" }: CliSurroundings): Promise<CliRun> {
  const printed: string[] = [];
  const errors: string[] = [];
  const loadApp = vi.fn(async () => app as AnyApp);
  const program = createProgram({
    loadApp,
    readStdin: async () => input,
    print: (line) => void printed.push(line),
    printError: (line) => void errors.push(line),
  });
  collectOutput(program, printed, errors);
  let running: Command | undefined;
  program.hook("preAction", (_program, command) => {
    running = command;
  });
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  try {
    await program.parseAsync(args, { from: "user" });
    return { printed, errors, error: undefined, loadApp };
  } catch (error) {
    if (running) nameGivenOption(running, error);
    return { printed, errors, error, loadApp };
  } finally {
    vi.unstubAllEnvs();
  }
}

/** What Commander says itself. */
function collectOutput(command: Command, printed: string[], errors: string[]): void {
  command.configureOutput({
    writeOut: (text) => void printed.push(text),
    writeErr: (text) => void errors.push(text),
  });
  for (const each of command.commands) collectOutput(each, printed, errors);
}
