import { text } from "node:stream/consumers";
import { Command } from "commander";
import { LOG_FORMATS, type LogFormat } from "./cli-logger.ts";
import type { CommandContext } from "./command-context.ts";
import { addCompletion } from "./completion.ts";
import { addDeferCommand } from "./defer-command.ts";
import { EXIT_CODE_HELP } from "./exit-codes.ts";
import { addHealthcheckCommand } from "./healthcheck-command.ts";
import { addJobsCommand } from "./jobs/jobs-command.ts";
import { loadApp } from "./load-app.ts";
import { addFlag, addOption, parseFlag } from "./options.ts";
import { readPackageVersion } from "./package-files.ts";
import { addPeriodicCommand } from "./periodic-command.ts";
import { addQueuesCommand } from "./queues-command.ts";
import { addSchemaCommand } from "./schema/schema-command.ts";
import { addShellCommand } from "./shell-command.ts";
import { addWorkerCommand } from "./worker-command.ts";
import { addWorkersCommand } from "./workers-command.ts";

interface GlobalOptions {
  readonly app?: string;
  readonly verbose?: boolean;
  readonly logFormat?: LogFormat;
}

/**
 * The whole command line. Throws instead of ending the process.
 *
 * @param surroundings What its commands have of them, where they are not those of this process.
 */
export function createProgram(surroundings: Partial<CommandContext> = {}): Command {
  const program = new Command("procrastinate");
  program.description("PostgreSQL task queue inside your ORM's schema").exitOverride();
  program.version(readPackageVersion(), "-V, --version");
  addOption(program, "-a, --app <module>", "module that exports the app");
  // A number is how verbose.
  addFlag(program, "-v, --verbose", "log more; with causes and stacks of errors", (text) =>
    /^\d+$/.test(text) ? Number(text) > 0 : parseFlag(text),
  );
  addOption(program, "--log-format <format>", "how to log", LOG_FORMATS);
  program.addHelpText("after", `\nAn option can also be given as the environment variable beside it.${EXIT_CODE_HELP}`);
  const context: CommandContext = {
    loadApp: (module = program.opts<GlobalOptions>().app) => loadApp(module),
    logOptions: () => {
      const { verbose = false, logFormat } = program.opts<GlobalOptions>();
      return { verbose, logFormat };
    },
    print: (line: string) => void process.stdout.write(`${line}\n`),
    printError: (line: string) => void process.stderr.write(`${line}\n`),
    readStdin: () => text(process.stdin),
    folder: process.cwd(),
    ...surroundings,
  };
  addWorkerCommand(program, context);
  addDeferCommand(program, context);
  addQueuesCommand(program, context);
  addShellCommand(program, context);
  addHealthcheckCommand(program, context);
  addJobsCommand(program, context);
  addWorkersCommand(program, context);
  addPeriodicCommand(program, context);
  addSchemaCommand(program, context);
  addCompletion(program, context);
  return program;
}
