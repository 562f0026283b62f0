import type { Command } from "commander";
import type { PeriodicSchedule } from "../index.ts";
import type { CommandContext } from "./command-context.ts";
import type { AnyApp } from "./load-app.ts";
import { addFlag, addOption } from "./options.ts";
import { type Cell, printRows } from "./print-rows.ts";

interface Reference {
  readonly periodicId?: string;
}

/** `procrastinate periodic`: looks at the schedules, and stops, starts and runs them. */
export function addPeriodicCommand(program: Command, context: CommandContext): void {
  const periodic = program.command("periodic").description("schedules of periodic tasks");
  const list = periodic.command("list").description("print all schedules");
  addFlag(list, "--json", "print JSON, one object a line");
  list.action(async () => {
    const { json = false } = list.opts<{ json?: boolean }>();
    const schedules = await (await context.loadApp()).periodic.list();
    printRows(context, json ? schedules.map((schedule) => ({ ...schedule })) : schedules.map(toRow), { json });
  });
  addScheduleCommand(periodic, context, {
    name: "run",
    description: "defer a job of a schedule now, and print its id",
    run: async (app, task, reference) => String(await app.periodic.runNow(task, reference)),
  });
  addScheduleCommand(periodic, context, {
    name: "pause",
    description: "defer no more jobs of a schedule until it is resumed",
    run: async (app, task, reference) => {
      await app.periodic.pause(task, reference);
      return `Paused ${nameOf(task, reference)}`;
    },
  });
  addScheduleCommand(periodic, context, {
    name: "resume",
    description: "end the pause of a schedule",
    run: async (app, task, reference) => {
      await app.periodic.resume(task, reference);
      return `Resumed ${nameOf(task, reference)}`;
    },
  });
}

interface ScheduleCommand {
  readonly name: string;
  readonly description: string;
  /** Gives what is printed. */
  readonly run: (app: AnyApp, task: string, reference: Reference) => Promise<string>;
}

const nameOf = (task: string, { periodicId }: Reference): string => (periodicId ? `${task} ${periodicId}` : task);

function addScheduleCommand(
  periodic: Command,
  context: CommandContext,
  { name, description, run }: ScheduleCommand,
): void {
  const command = periodic.command(name).description(description);
  command.argument("<task>", "name of the task");
  addOption(command, "--periodic-id <text>", "which schedule of the task, if it has several");
  command.action(async (task: string) => {
    context.print(await run(await context.loadApp(), task, command.opts<Reference>()));
  });
}

function toRow(schedule: PeriodicSchedule): Readonly<Record<string, Cell>> {
  const { taskName, periodicId, cron, timezone, nextTick, lastTick, lastJobId, pausedAt, inCode } = schedule;
  return {
    task: taskName,
    id: periodicId === "" ? null : periodicId,
    cron,
    timezone,
    next: nextTick,
    last: lastTick,
    job: lastJobId,
    paused: pausedAt,
    from: inCode ? "code" : "database",
  };
}
