import type { Command } from "commander";
import type { JobOrder, StoredJob } from "../../index.ts";
import type { CommandContext } from "../command-context.ts";
import { addFlag, addOption, parseNumber } from "../options.ts";
import { type Cell, printRows } from "../print-rows.ts";
import { addFilterOptions, filterOf, toId } from "./filter-options.ts";

interface ListOptions {
  readonly limit?: number;
  readonly cursor?: string;
  readonly orderBy?: JobOrder;
  readonly order?: "asc" | "desc";
  readonly json?: boolean;
}

/** `procrastinate jobs list`: a page of jobs. */
export function addListCommand(jobs: Command, context: CommandContext): void {
  const command = jobs.command("list").description("list jobs, a page of them");
  addFilterOptions(command);
  addOption(command, "--limit <number>", "jobs on the page, 1 to 1000 (default: 50)", parseNumber);
  addOption(command, "--cursor <text>", "what the page before ended with");
  const sorted = "what to sort by; anything but id sorts all that match (default: id)";
  addOption(command, "--order-by <name>", sorted, ["id", "priority", "scheduledAt", "startedAt", "finishedAt"]);
  addOption(command, "--order <direction>", "which way (default: asc)", ["asc", "desc"]);
  addFlag(command, "--json", "print one JSON object a line, with all that is known");
  command.action(async () => {
    const { limit = 50, cursor, orderBy = "id", order = "asc", json = false } = command.opts<ListOptions>();
    const app = await context.loadApp();
    const page = await app.jobs.list(filterOf(command), { limit, cursor, orderBy, order });
    printRows(context, json ? page.jobs.map((job) => ({ ...job })) : page.jobs.map(toRow), { json });
    if (page.nextCursor !== undefined) context.printError(`There are more: --cursor ${page.nextCursor}`);
  });
}

/** `procrastinate jobs show ID`: one job and its history. */
export function addShowCommand(jobs: Command, context: CommandContext): void {
  const command = jobs.command("show").description("show a job and its history");
  command.argument("<id>", "id of the job");
  addFlag(command, "--json", "print one JSON object");
  command.action(async (text: string) => {
    const id = toId(text);
    const { json = false } = command.opts<{ json?: boolean }>();
    const app = await context.loadApp();
    const [job, history] = [await app.jobs.get(id), await app.jobs.history(id)];
    if (json) return printRows(context, [{ ...job, history }], { json });
    printRows(
      context,
      Object.entries(job).map(([field, value]: [string, Cell]) => ({ field, value })),
      { json },
    );
    context.print("");
    printRows(
      context,
      history.map(({ at, type, detail }) => ({ at, event: type, detail: withoutStacks(detail) })),
      { json },
    );
  });
}

/** Of an error and its causes: a stack in a cell cannot be read. */
function withoutStacks(detail: unknown): Cell {
  if (typeof detail !== "object" || detail === null || !("stack" in detail)) return detail as Cell;
  const { stack: _, ...rest } = detail;
  return "cause" in rest ? { ...rest, cause: withoutStacks(rest.cause) } : rest;
}

function toRow(job: StoredJob): Record<string, Cell> {
  const { id, status, taskName, queue, priority, lock, attempts, scheduledAt, deferredAt, finishedAt } = job;
  return {
    ...{ id, status, task: taskName, queue, priority, lock, attempts },
    ...{ scheduled: scheduledAt, deferred: deferredAt, finished: finishedAt },
  };
}
