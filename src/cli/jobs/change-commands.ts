import { type Command, Option } from "commander";
import { InvalidOptionError, type JobFilter, type JobStatus } from "../../index.ts";
import type { CommandContext } from "../command-context.ts";
import type { AnyApp } from "../load-app.ts";
import { addFlag, addOption, flagOf, parseNumber, parseSeconds } from "../options.ts";
import { errorText } from "../print-error.ts";
import { type Cell, printRows } from "../print-rows.ts";
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
}

/** `procrastinate jobs cancel`. */
export function addCancelCommand(jobs: Command, context: CommandContext): void {
  const command = jobs.command("cancel").description("cancel jobs that wait; with --abort ask those that run to stop");
  addFlag(command, "--abort", "ask running jobs to stop");
  addFlag(command, "--delete", "delete waiting jobs instead of keeping them as cancelled");
  addFlag(command, "-y, --yes", "with --delete and a filter or --all: really do it");
  addChange(command, context, () => {
    const options = {
      abort: flagOf(command, "abort", context.environment) ?? false,
      delete: flagOf(command, "delete", context.environment) ?? false,
    };
    return {
      one: (manager, id) => manager.cancel(id, options),
      many: async (manager, filter, progress) => {
        if (options.delete) await confirm(command, context, () => countOf(manager, filter, ["todo"]));
        return { ...(await manager.cancelMany(filter, { ...options, ...progress })) };
      },
      allowed: options.abort ? ["todo", "doing"] : ["todo"],
    };
  });
}

/** `procrastinate jobs retry`. */
export function addRetryCommand(jobs: Command, context: CommandContext): void {
  const command = jobs.command("retry").description("let failed, aborted and cancelled jobs run again");
  command.addOption(
    new Option("--at <time>", "earliest start, ISO 8601 with offset")
      .env("PROCRASTINATE_JOBS_RETRY_AT")
      .conflicts("in"),
  );
  addOption(command, "--in <seconds>", "earliest start from now", parseSeconds);
  addOption(command, "--priority <number>", "priority instead of the one it has", parseNumber);
  addChange(command, context, () => {
    const { at, in: delay, priority } = command.opts<{ at?: string; in?: { seconds: number }; priority?: number }>();
    const when = at === undefined ? (delay === undefined ? {} : { scheduleIn: delay }) : { scheduleAt: at };
    const options = { ...when, ...(priority === undefined ? {} : { priority }) };
    return {
      one: async (manager, id) => {
        await manager.retry(id, options);
        return "retried";
      },
      many: async (manager, filter, progress) => ({
        ...(await manager.retryMany(filter, { ...options, ...progress })),
      }),
      allowed: ["failed", "aborted", "cancelled"],
    };
  });
}

/** `procrastinate jobs delete`. */
export function addDeleteCommand(jobs: Command, context: CommandContext): void {
  const command = jobs.command("delete").description("delete jobs that do not run, with their history");
  addFlag(command, "-y, --yes", "delete what a filter or --all matches; without, say only how many jobs that are");
  const allowed = ["todo", "succeeded", "failed", "cancelled", "aborted"] as const;
  addChange(command, context, () => ({
    one: async (manager, id) => {
      await manager.delete(id);
      return "deleted";
    },
    many: async (manager, filter, progress) => {
      await confirm(command, context, () => countOf(manager, filter, allowed));
      return { deleted: await manager.deleteMany(filter, progress) };
    },
    allowed,
  }));
}

/** @throws InvalidOptionError that says how many jobs it is about. */
async function confirm(command: Command, { environment }: CommandContext, count: () => Promise<number>): Promise<void> {
  if (flagOf(command, "yes", environment) ?? false) return;
  throw new InvalidOptionError(
    "yes",
    false,
    `is the default: ${await count()} jobs would be deleted. To do so, add --yes.`,
  );
}

function addChange(command: Command, context: CommandContext, toChange: () => Change): void {
  addSelection(command);
  addFlag(command, "--json", "print one JSON object a line");
  command.action(async (given: string[]) => {
    const json = flagOf(command, "json", context.environment) ?? false;
    const { ids, filter } = selectionOf(command, given, flagOf(command, "all", context.environment) ?? false);
    const change = toChange();
    const { jobs } = await context.loadApp();
    if (filter === undefined) return changeEach(ids, (id) => change.one(jobs, id), context, json);
    const counts = await withProgress(
      () => countOf(jobs, filter, change.allowed),
      (onProgress) => change.many(jobs, filter, { onProgress }),
    );
    printRows(context, [counts], { json });
  });
}

/** Goes on after a job that was refused, and fails in the end. */
async function changeEach(
  ids: readonly bigint[],
  change: (id: bigint) => Promise<string>,
  context: CommandContext,
  json: boolean,
): Promise<void> {
  const rows: Record<string, Cell>[] = [];
  const errors: unknown[] = [];
  for (const id of ids) {
    try {
      rows.push({ id, outcome: await change(id) });
    } catch (error) {
      errors.push(error);
    }
  }
  if (rows.length > 0) printRows(context, rows, { json });
  const [last, ...others] = errors.reverse();
  for (const error of others.reverse()) context.printError(errorText(error, false));
  if (last !== undefined) throw last;
}

async function countOf(jobs: Jobs, filter: JobFilter | "all", allowed: readonly JobStatus[]): Promise<number> {
  const status = statusesOf(filter, allowed);
  return (await jobs.count({ ...(filter === "all" ? {} : filter), status })).total;
}
