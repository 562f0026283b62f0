import type { Command } from "commander";
import { type ErrorCode, InvalidOptionError, type JobFilter, type JobStatus } from "../../index.ts";
import type { CommandContext } from "../command-context.ts";
import type { AnyApp } from "../load-app.ts";
import { addFlag, addOption, addTypedFlag, parseNumber } from "../options.ts";
import { errorText, hasCode } from "../print-error.ts";
import { printRows } from "../print-rows.ts";
import { addScheduleOptions, scheduleOf } from "../schedule-options.ts";
import { addSelection, selectionOf, statusesOf } from "./filter-options.ts";
import { withProgress } from "./progress-bar.ts";

type Jobs = AnyApp["jobs"];
type Progress = { readonly onProgress: (done: number) => void };

/** A change of jobs, one by one or many. */
interface Change {
  /** Gives what became of the job. */
  one(jobs: Jobs, id: bigint): Promise<string>;
  many(jobs: Jobs, filter: JobFilter | "all", progress: Progress): Promise<Record<string, number>>;
  readonly allowed: readonly JobStatus[];
  /** What would become of the jobs: "deleted". */
  readonly outcome: string;
  /** Whether a filter has to be confirmed, too, and not only `--all`. */
  readonly isFinal: boolean;
}

/** `procrastinate jobs cancel`. */
export function addCancelCommand(jobs: Command, context: CommandContext): void {
  const command = jobs.command("cancel").description("cancel jobs that wait; with --abort ask those that run to stop");
  addFlag(command, "--abort", "ask running jobs to stop");
  addFlag(command, "--delete", "delete waiting jobs instead of keeping them as cancelled");
  addChange(command, context, () => {
    const { abort = false, delete: isDeleted = false } = command.opts<{ abort?: boolean; delete?: boolean }>();
    const options = { abort, delete: isDeleted };
    return {
      one: (manager, id) => manager.cancel(id, options),
      many: async (manager, filter, progress) => ({
        ...(await manager.cancelMany(filter, { ...options, ...progress })),
      }),
      allowed: abort ? ["todo", "doing"] : ["todo"],
      outcome: `${isDeleted ? "deleted" : "cancelled"}${abort ? " or asked to stop" : ""}`,
      isFinal: isDeleted,
    };
  });
}

/** `procrastinate jobs retry`. */
export function addRetryCommand(jobs: Command, context: CommandContext): void {
  const command = jobs.command("retry").description("let failed, aborted and cancelled jobs run again");
  addScheduleOptions(command);
  addOption(command, "--priority <number>", "priority instead of the one it has", parseNumber);
  addChange(command, context, () => {
    const { priority } = command.opts<{ priority?: number }>();
    const options = { ...scheduleOf(command), ...(priority === undefined ? {} : { priority }) };
    return {
      one: async (manager, id) => {
        await manager.retry(id, options);
        return "retried";
      },
      many: async (manager, filter, progress) => ({
        ...(await manager.retryMany(filter, { ...options, ...progress })),
      }),
      allowed: ["failed", "aborted", "cancelled"],
      outcome: "retried",
      isFinal: false,
    };
  });
}

/** `procrastinate jobs delete`. */
export function addDeleteCommand(jobs: Command, context: CommandContext): void {
  const command = jobs.command("delete").description("delete jobs that do not run, with their history");
  addChange(command, context, () => ({
    one: async (manager, id) => {
      await manager.delete(id);
      return "deleted";
    },
    many: async (manager, filter, progress) => ({ deleted: await manager.deleteMany(filter, progress) }),
    allowed: ["todo", "succeeded", "failed", "cancelled", "aborted"],
    outcome: "deleted",
    isFinal: true,
  }));
}

function addChange(command: Command, context: CommandContext, toChange: () => Change): void {
  addSelection(command);
  addTypedFlag(command, "-y, --yes", "really do it to all, or delete all that a filter matches");
  addFlag(command, "--json", "print one JSON object a line");
  command.action(async (given: string[]) => {
    const { json = false, yes = false } = command.opts<{ json?: boolean; yes?: boolean }>();
    const { ids, filter } = selectionOf(command, given);
    const change = toChange();
    const { jobs } = await context.loadApp();
    if (filter === undefined) return changeEach(ids, (id) => change.one(jobs, id), context, json);
    const count = () => countOf(jobs, filter, change.allowed);
    if (!yes && (filter === "all" || change.isFinal)) {
      const found = await count();
      const jobs = found === 1 ? "1 job" : `${found} jobs`;
      const fix = `changes nothing: ${jobs} would be ${change.outcome}. To do so, add --yes.`;
      throw new InvalidOptionError("--yes", yes, fix);
    }
    const counts = await withProgress(count, (onProgress) => change.many(jobs, filter, { onProgress }));
    printRows(context, [counts], { json });
  });
}

/** What a job is refused for; it says nothing about the next one. */
const REFUSALS: readonly ErrorCode[] = ["job_not_found", "job_status", "already_enqueued"];

/** Goes on after a job that was refused, and fails in the end. */
async function changeEach(
  ids: readonly bigint[],
  change: (id: bigint) => Promise<string>,
  context: CommandContext,
  json: boolean,
): Promise<void> {
  let last: unknown;
  const printRow = rowPrinter(context, ids, json);
  for (const id of ids) {
    try {
      printRow(id, await change(id));
    } catch (error) {
      if (last !== undefined) context.printError(errorText(last, false));
      last = error;
      if (!REFUSALS.some((code) => hasCode(error, code))) break;
    }
  }
  if (last !== undefined) throw last;
}

/** Prints what became of each job at once: whatever comes next, it is known then. */
function rowPrinter(
  context: CommandContext,
  ids: readonly bigint[],
  json: boolean,
): (id: bigint, outcome: string) => void {
  if (json) return (id, outcome) => printRows(context, [{ id, outcome }], { json });
  const width = ids.reduce((longest, id) => Math.max(longest, String(id).length), "id".length);
  let isFirst = true;
  return (id, outcome) => {
    if (isFirst) context.print(`${"id".padEnd(width)}  outcome`);
    isFirst = false;
    context.print(`${String(id).padEnd(width)}  ${outcome}`);
  };
}

async function countOf(jobs: Jobs, filter: JobFilter | "all", allowed: readonly JobStatus[]): Promise<number> {
  const status = statusesOf(filter, allowed);
  return (await jobs.count({ ...(filter === "all" ? {} : filter), status })).total;
}
