#!/usr/bin/env node
import { CommanderError } from "commander";
import { EXIT } from "./exit-codes.ts";
import { errorText, exitCodeOf } from "./print-error.ts";
import { createProgram } from "./program.ts";

/** Ends the process when all it said is written: the app's own pool would keep it alive. */
async function exit(code: number): Promise<never> {
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise<void>((resolve) => stream.write("", () => resolve()));
  }
  process.exit(code);
}

// Whoever reads has had enough, as head and less do.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(EXIT.ok);
  });
}
// Compose files and unit files set what they leave empty; it is as good as not set.
for (const [name, value] of Object.entries(process.env)) {
  if (name.startsWith("PROCRASTINATE_") && value === "") delete process.env[name];
}
const program = createProgram();
try {
  await program.parseAsync();
  await exit(EXIT.ok);
} catch (error) {
  const verbose = program.opts<{ verbose?: number }>().verbose !== undefined;
  // Commander has said it already.
  if (!(error instanceof CommanderError)) process.stderr.write(`procrastinate: ${errorText(error, verbose)}\n`);
  await exit(exitCodeOf(error));
}
