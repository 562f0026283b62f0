import { text } from "node:stream/consumers";
import { Command, Option } from "commander";
import { LOG_FORMATS, type LogFormat } from "./cli-logger.ts";
import { addCompletion } from "./completion.ts";
import { addDeferCommand } from "./defer-command.ts";
import { EXIT_CODE_HELP } from "./exit-codes.ts";
import { addHealthcheckCommand } from "./healthcheck-command.ts";
import { addJobsCommand } from "./jobs/jobs-command.ts";
import { loadApp } from "./load-app.ts";
import { readPackageVersion } from "./package-files.ts";
import { addPeriodicCommand } from "./periodic-command.ts";
import { addQueuesCommand } from "./queues-command.ts";
import { addSchemaCommand } from "./schema/schema-command.ts";
import { addShellCommand } from "./shell-command.ts";
import { addWorkerCommand } from "./worker-command.ts";
import { addWorkersCommand } from "./workers-command.ts";

interface GlobalOptions {
  readonly app?: string;
  readonly verbose?: number;
  readonly logFormat?: LogFormat;
}

/** The whole command line. Throws instead of ending the process. */
export function createProgram(): Command {
  const program = new Command("procrastinate");
  program.description("PostgreSQL task queue inside your ORM's schema").exitOverride();
  program.version(readPackageVersion(), "-V, --version");
  program.addOption(new Option("-a, --app <module>", "module that exports the app").env("PROCRASTINATE_APP"));
  program.addOption(
    new Option("-v, --verbose", "log more; with causes and stacks of errors")
      .env("PROCRASTINATE_VERBOSE")
      .argParser((_value, previous: number | undefined) => (previous ?? 0) + 1),
  );
  program.addOption(
    new Option("--log-format <format>", "how to log").choices(LOG_FORMATS).env("PROCRASTINATE_LOG_FORMAT"),
  );
  program.addHelpText(
    "after",
    `\nEach option can also be given as the environment variable beside it.${EXIT_CODE_HELP}`,
  );
  const context = {
    environment: process.env,
    loadApp: () => loadApp(program.opts<GlobalOptions>().app),
    logOptions: () => ({
      verbose: program.opts<GlobalOptions>().verbose,
      logFormat: program.opts<GlobalOptions>().logFormat,
    }),
    print: (line: string) => void process.stdout.write(`${line}\n`),
    printError: (line: string) => void process.stderr.write(`${line}\n`),
    readStdin: () => text(process.stdin),
    folder: process.cwd(),
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
