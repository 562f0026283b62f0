#!/usr/bin/env node
import { type Command, CommanderError } from "commander";
import { EXIT } from "./exit-codes.ts";
import { nameGivenOption } from "./given-option.ts";
import { errorText, exitCodeOf } from "./print-error.ts";
import { createProgram } from "./program.ts";

/** Ends the process when all it said is written: the app's own pool would keep it alive. */
async function exit(code: number): Promise<never> {
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise<void>((resolve) => stream.write("", () => resolve()));
  }
  process.exit(code);
}

// Whoever reads has had enough, as head and less do: what the command does is done all the same.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}
// Compose files and unit files set what they leave empty; it is as good as not set.
for (const [name, value] of Object.entries(process.env)) {
  if (name.startsWith("PROCRASTINATE_") && value === "") delete process.env[name];
}
const program = createProgram();
let running: Command | undefined;
program.hook("preAction", (_program, command) => {
  running = command;
});
try {
  await program.parseAsync();
  await exit(EXIT.ok);
} catch (error) {
  const { verbose = false } = program.opts<{ verbose?: boolean }>();
  if (running) nameGivenOption(running, error);
  // Commander has said it already.
  if (!(error instanceof CommanderError)) process.stderr.write(`procrastinate: ${errorText(error, verbose)}\n`);
  await exit(exitCodeOf(error));
}
