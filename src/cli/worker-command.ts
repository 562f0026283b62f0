import type { Command } from "commander";
import { InvalidOptionError, type WorkerOptions } from "../index.ts";
import { cliLogger } from "./cli-logger.ts";
import type { CommandContext } from "./command-context.ts";
import { addFlag, addOption, decisive, givenName, parseNames, parseNumber, parseSeconds } from "./options.ts";

/** `procrastinate worker`: runs jobs until it is stopped. Options that are not given are the app's `workerDefaults`. */
export function addWorkerCommand(program: Command, context: CommandContext): void {
  const command = program.command("worker").description("run the jobs of the app until SIGTERM or SIGINT");
  addOption(command, "-n, --name <name>", "name in logs and in the workers table");
  addOption(command, "-q, --queues <names>", "queues between commas; all if empty", parseNames);
  addOption(command, "-c, --concurrency <number>", "how many jobs run at the same time", parseNumber);
  addOption(command, "-p, --polling-interval <seconds>", "longest time between two looks for jobs", parseSeconds);
  addOption(command, "--abort-polling-interval <seconds>", "longest time until an abort is noticed", parseSeconds);
  addOption(command, "--shutdown-grace <seconds>", "how long running jobs may go on after a stop", parseSeconds);
  addOption(command, "--abandon-after <seconds>", "how long a handler may ignore its aborted signal", parseSeconds);
  addOption(command, "--delete-jobs <which>", "delete finished jobs", ["never", "successful", "always"]);
  addOption(command, "--heartbeat-interval <seconds>", "how often the worker says that it lives", parseSeconds);
  addOption(command, "--stalled-after <seconds>", "when a silent worker is taken for dead", parseSeconds);
  addOption(command, "--max-rescues <number>", "how often a job is taken back from dead workers", parseNumber);
  addOption(command, "--max-prefetch <number>", "how many short jobs are fetched ahead", parseNumber);
  addFlag(command, "-w, --wait", "wait for further jobs when none is left");
  addFlag(command, "--one-shot", "stop when no job is left, as --no-wait");
  addFlag(command, "-l, --listen", "wake up on notifications");
  command.action(async () => {
    const options = workerOptions(command);
    const app = await context.loadApp();
    const worker = app.createWorker({ ...options, logger: cliLogger(app, context.logOptions()) });
    await worker.run();
  });
}

interface Given {
  readonly wait?: boolean;
  readonly oneShot?: boolean;
  readonly queues?: readonly string[];
}

function workerOptions(command: Command): WorkerOptions {
  const { wait: _wait, oneShot: _oneShot, queues, ...given } = command.opts<Given>();
  const wait = waitOf(command);
  return {
    ...given,
    // No names stand for all queues, whatever the app's defaults are.
    ...(queues === undefined ? {} : { queues: queues.length === 0 ? undefined : queues }),
    ...(wait === undefined ? {} : { wait }),
  } as WorkerOptions;
}

/** @throws InvalidOptionError when `--wait` and `--one-shot` contradict each other. */
function waitOf(command: Command): boolean | undefined {
  const { wait, oneShot } = command.opts<Given>();
  const [first, second] = decisive(command, ["wait", "oneShot"]);
  if (second !== undefined && wait === oneShot) {
    const fix = `contradicts ${givenName(command, "wait")}, which is ${wait}, too. Give one of them.`;
    throw new InvalidOptionError(givenName(command, "oneShot") ?? "oneShot", oneShot, fix);
  }
  return first === "oneShot" && oneShot !== undefined ? !oneShot : wait;
}
