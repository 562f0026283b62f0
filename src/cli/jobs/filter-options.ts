import { type Command, InvalidArgumentError } from "commander";
import { InvalidOptionError, type JobFilter, type JobStatus } from "../../index.ts";
import { readArgs } from "../json-args.ts";
import { addOption, addTypedFlag, givenName, parseNames } from "../options.ts";

const TIMES = ["deferred", "scheduled", "started", "finished"] as const;

/** The options that say which jobs, as the fields of a JobFilter. */
export function addFilterOptions(command: Command): void {
  addOption(command, "--status <names>", "states between commas, as failed,aborted", parseSome);
  addOption(command, "--queue <names>", "queues between commas", parseSome);
  addOption(command, "--task <names>", "tasks between commas", parseSome);
  addOption(command, "--lock <text>", "jobs with this lock");
  addOption(command, "--queueing-lock <text>", "jobs with this queueing lock");
  addOption(command, "--worker-id <id>", "jobs that this worker runs or ran last", parseId);
  addOption(command, "--args <json>", "jobs whose arguments contain this JSON object");
  for (const time of TIMES) {
    addOption(command, `--${time}-after <time>`, `jobs ${time} then or later, ISO 8601 with offset`);
    addOption(command, `--${time}-before <time>`, `jobs ${time} earlier than that`);
  }
}

/** For a command that changes what is matched: which jobs, by their ids, by a filter, or all. */
export function addSelection(command: Command): void {
  command.argument("[ids...]", "ids of jobs; or else say which by the options");
  addFilterOptions(command);
  addTypedFlag(command, "--all", "all jobs that can be changed so");
}

const FILTER_NAMES = [
  ...["status", "queue", "task", "lock", "queueingLock", "workerId", "args"],
  ...TIMES.flatMap((time) => [`${time}After`, `${time}Before`]),
];

/** The filter that the options of a command make; without what is not given. */
export function filterOf(command: Command): JobFilter {
  const given = Object.entries(command.opts<Record<string, unknown>>());
  const fields = given.filter(([name, value]) => FILTER_NAMES.includes(name) && value !== undefined);
  return Object.fromEntries(
    fields.map(([name, value]) => [name, name === "args" ? argsOf(command, String(value)) : value]),
  );
}

/** Ends the command as Commander does with a wrong value, but without quoting it. */
function argsOf(command: Command, text: string): object {
  const read = readArgs(text);
  return "problem" in read
    ? command.error(`error: the value of ${givenName(command, "args")} ${read.problem}`)
    : read.args;
}

/** What a command shall change. */
export type Selection =
  | { readonly ids: readonly bigint[]; readonly filter?: undefined }
  | { readonly ids?: undefined; readonly filter: JobFilter | "all" };

/** @throws InvalidOptionError when it names nothing, or in two ways. */
export function selectionOf(command: Command, ids: readonly string[]): Selection {
  const filter = filterOf(command);
  const [first, value] = Object.entries(filter)[0] ?? [];
  const { all = false } = command.opts<{ all?: boolean }>();
  if (first !== undefined && (all || ids.length > 0)) {
    const fix = "is a filter, which goes neither with ids nor with --all. Give one of them.";
    throw new InvalidOptionError(givenName(command, first) ?? first, Array.isArray(value) ? value.join() : value, fix);
  }
  if (all && ids.length > 0) throw new InvalidOptionError("--all", all, "goes without ids. Give one of them.");
  if (ids.length > 0) return { ids: ids.map(toId) };
  if (first !== undefined) return { filter };
  if (all) return { filter: "all" };
  throw new InvalidOptionError("ids", "", "names no jobs. Give ids, a filter like --status failed, or --all.");
}

/** @throws InvalidOptionError */
export function toId(text: string): bigint {
  if (/^\d{1,18}$/.test(text)) return BigInt(text);
  throw new InvalidOptionError("id", text, "is not the id of a job, as 42.");
}

/** An empty text is a variable that was not set, more often than a wish for all. */
function parseSome(value: string): string[] {
  const names = parseNames(value);
  if (names.length === 0) throw new InvalidArgumentError("It is empty: leave the option out to match any.");
  return names;
}

function parseId(value: string): bigint {
  if (!/^\d{1,18}$/.test(value)) throw new InvalidArgumentError(`"${value}" is not an id.`);
  return BigInt(value);
}

/** The states of a filter, or those that a change applies to. */
export function statusesOf(filter: JobFilter | "all", allowed: readonly JobStatus[]): readonly JobStatus[] {
  const given = filter === "all" || filter.status === undefined ? allowed : [filter.status].flat();
  return given.filter((status) => allowed.includes(status));
}
