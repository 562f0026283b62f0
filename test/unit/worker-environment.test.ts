import { CommanderError } from "commander";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createProgram } from "../../src/cli/program.ts";
import { ProcrastinateError, silentLogger } from "../../src/index.ts";
import { resolveWorkerOptions, type WorkerOptions } from "../../src/worker/worker-options.ts";
import { anyText } from "../support/any-text.ts";
import { runCli } from "../support/run-cli.ts";

const nothing = (): never => {
  throw new Error("Nothing is called.");
};
const program = createProgram({ loadApp: nothing, readStdin: nothing, print: nothing, printError: nothing });
const variables = (program.commands.find((command) => command.name() === "worker")?.options ?? []).flatMap(
  ({ envVar }) => (envVar === undefined ? [] : [envVar]),
);
/** An environment has no NUL, and no halves of characters. */
const value = fc.oneof(
  anyText({ maxLength: 20 }).map((text) => text.replace(/[\0\p{Surrogate}]/gu, "")),
  fc.constantFrom(
    "0",
    "-1",
    "1e999",
    "NaN",
    "0x10",
    " 5 ",
    "true",
    "no",
    "$(id)",
    "'; drop table jobs; --",
    "x".repeat(5000),
  ),
);

test("whatever is in the environment of a worker is taken or refused, by its name", async () => {
  expect(variables.length).toBeGreaterThan(10);
  const createWorker = (options: WorkerOptions) => {
    resolveWorkerOptions(options);
    return { run: async () => undefined };
  };
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...variables), value, async (variable, text) => {
      const { error, errors } = await runCli(["worker"], {
        app: { createWorker, logger: silentLogger },
        // Longer than two heartbeats, whatever those are.
        env: { PROCRASTINATE_WORKER_STALLED_AFTER: "1e9", [variable]: text },
      });
      if (error === undefined) return;
      expect(error instanceof ProcrastinateError || error instanceof CommanderError).toBe(true);
      expect(`${error} ${errors.join(" ")}`).toContain(variable);
    }),
    { numRuns: 300 },
  );
});
