import type { Command } from "commander";
import type { CommandContext } from "./command-context.ts";
import { addFlag } from "./options.ts";
import { printRows } from "./print-rows.ts";

/** `procrastinate queues list|pause|resume`. */
export function addQueuesCommand(program: Command, context: CommandContext): void {
  const queues = program.command("queues").description("list, pause and resume queues");
  const list = queues.command("list").description("print the queues that have waiting or running jobs or are paused");
  addFlag(list, "--json", "one JSON object a line");
  list.action(async () => {
    const { json = false } = list.opts<{ json?: boolean }>();
    const app = await context.loadApp();
    const rows = await app.queues.list();
    printRows(
      context,
      rows.map(({ name, todo, doing, pausedAt }) => ({ name, todo, doing, pausedAt })),
      { json },
    );
  });
  const pause = queues.command("pause").description("let no further job of a queue start, on any worker");
  pause.argument("<queue>", "name of the queue");
  pause.action(async (name: string) => {
    const app = await context.loadApp();
    const isNew = await app.queues.pause(name);
    context.print(isNew ? `Paused ${name}` : `${name} is paused already`);
  });
  const resume = queues.command("resume").description("let the jobs of a paused queue start again");
  resume.argument("<queue>", "name of the queue");
  resume.action(async (name: string) => {
    const app = await context.loadApp();
    const isNew = await app.queues.resume(name);
    context.print(isNew ? `Resumed ${name}` : `${name} is not paused`);
  });
}
