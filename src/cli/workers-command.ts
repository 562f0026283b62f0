import type { Command } from "commander";
import type { CommandContext } from "./command-context.ts";
import { addFlag, flagOf } from "./options.ts";
import { printRows } from "./print-rows.ts";

/** `procrastinate workers list`: the workers of all processes. */
export function addWorkersCommand(program: Command, context: CommandContext): void {
  const workers = program.command("workers").description("look at the workers of all processes");
  const command = workers
    .command("list")
    .description("list workers, with their heartbeats and how many jobs they have");
  addFlag(command, "--json", "print one JSON object a line");
  command.action(async () => {
    const json = flagOf(command, "json", context.environment) ?? false;
    const app = await context.loadApp();
    const rows = (await app.workers.list()).map(
      ({ id, name, queues, runningJobs, idle, startedAt, lastHeartbeat }) => ({
        ...{ id, name, queues: json ? queues : (queues?.join(",") ?? "(all)") },
        ...{ jobs: runningJobs, idle, started: startedAt, heartbeat: lastHeartbeat },
      }),
    );
    printRows(context, rows, { json });
  });
}
