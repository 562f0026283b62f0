import type { Command } from "commander";
import type { WorkerInfo } from "../index.ts";
import type { CommandContext } from "./command-context.ts";
import { addFlag } from "./options.ts";
import { type Cell, printRows } from "./print-rows.ts";

/** `procrastinate workers list`: the workers of all processes. */
export function addWorkersCommand(program: Command, context: CommandContext): void {
  const workers = program.command("workers").description("look at the workers of all processes");
  const command = workers
    .command("list")
    .description("list workers, with their heartbeats and how many jobs they have");
  addFlag(command, "--json", "print one JSON object a line");
  command.action(async () => {
    const { json = false } = command.opts<{ json?: boolean }>();
    const app = await context.loadApp();
    const workers = await app.workers.list();
    printRows(context, json ? workers.map((worker) => ({ ...worker })) : workers.map(toRow), { json });
  });
}

function toRow({ id, name, queues, runningJobs, idle, startedAt, lastHeartbeat }: WorkerInfo): Record<string, Cell> {
  return {
    ...{ id, name, queues: queues?.join(",") ?? "(all)" },
    ...{ jobs: runningJobs, idle, started: startedAt, heartbeat: lastHeartbeat },
  };
}
