import { InvalidOptionError } from "../errors.ts";
import { JOB_STATUSES, type JobStatus } from "../job.ts";
import { findJsonProblem, type JsonObject } from "../json.ts";
import { checkKnownOptions, checkText } from "../option-checks.ts";
import { momentToMs } from "../schedule.ts";
import type { JobConditions } from "../sql/job-filter.ts";

/**
 * Which jobs. All that is given must hold; of a list one suffices. Times are Dates, or ISO 8601 strings with their offset:
 * `…After` means at or after, `…Before` earlier than.
 */
export interface JobFilter {
  readonly id?: bigint | readonly bigint[] | undefined;
  readonly status?: JobStatus | readonly JobStatus[] | undefined;
  readonly queue?: string | readonly string[] | undefined;
  /** The name of the task. */
  readonly task?: string | readonly string[] | undefined;
  readonly lock?: string | readonly string[] | undefined;
  readonly queueingLock?: string | readonly string[] | undefined;
  /** Who runs it, or ran it last. */
  readonly workerId?: bigint | readonly bigint[] | undefined;
  /** What the arguments contain, as `@>` of jsonb: `{ userId: "1" }`. */
  readonly args?: JsonObject | undefined;
  readonly deferredAfter?: Date | string | undefined;
  readonly deferredBefore?: Date | string | undefined;
  readonly scheduledAfter?: Date | string | undefined;
  readonly scheduledBefore?: Date | string | undefined;
  readonly startedAfter?: Date | string | undefined;
  readonly startedBefore?: Date | string | undefined;
  readonly finishedAfter?: Date | string | undefined;
  readonly finishedBefore?: Date | string | undefined;
}

const TIMES = [
  "deferredAfter",
  "deferredBefore",
  "scheduledAfter",
  "scheduledBefore",
  "startedAfter",
  "startedBefore",
  "finishedAfter",
  "finishedBefore",
] as const;
const TEXTS = { queue: "queues", task: "tasks", lock: "locks", queueingLock: "queueingLocks" } as const;
const IDS = { id: "ids", workerId: "workers" } as const;
const NAMES = [...Object.keys(IDS), "status", ...Object.keys(TEXTS), "args", ...TIMES];

/** @throws InvalidOptionError when a field is unknown or no such value. */
export function toConditions(filter: JobFilter): JobConditions {
  checkKnownOptions("filter", filter, NAMES);
  const conditions: Record<string, unknown> = {};
  for (const [name, key] of Object.entries(IDS) as [keyof typeof IDS, string][]) {
    const ids = listOf<bigint>(filter[name])?.map((id) => String(checkId(name, id)));
    if (ids) conditions[key] = ids;
  }
  for (const [name, key] of Object.entries(TEXTS) as [keyof typeof TEXTS, string][]) {
    const texts = listOf<string>(filter[name])?.map((text) => checkText(name, text));
    if (texts) conditions[key] = texts;
  }
  const statuses = listOf<JobStatus>(filter.status)?.map(checkStatus);
  if (statuses) conditions["statuses"] = statuses;
  for (const name of TIMES) {
    const moment = filter[name];
    if (moment !== undefined) conditions[name] = momentToMs(moment, name);
  }
  if (filter.args !== undefined) conditions["args"] = checkArgs(filter.args);
  return conditions as JobConditions;
}

/**
 * The conditions of a bulk change. Of all jobs only for `"all"`: a filter that is empty, or whose fields are undefined, is
 * more often a mistake.
 *
 * @throws InvalidOptionError
 */
export function toBulkConditions(filter: JobFilter | "all", allowed: readonly JobStatus[]): JobConditions {
  const conditions = filter === "all" ? {} : toConditions(filter);
  if (filter !== "all") {
    for (const [name, value] of Object.entries(filter)) {
      if (value === undefined) {
        throw new InvalidOptionError(`filter.${name}`, value, "would match any: leave it out if that is meant.");
      }
    }
    // All arguments contain the empty object.
    const { args = {}, ...others } = conditions;
    if (Object.keys(others).length === 0 && Object.keys(args).length === 0) {
      throw new InvalidOptionError("filter", filter, 'names no jobs. Pass "all" if all are meant.');
    }
  }
  const { statuses = allowed } = conditions;
  return { ...conditions, statuses: statuses.filter((status) => allowed.includes(status)) };
}

/** @throws InvalidOptionError when it is no bigint that Postgres has. */
export function checkId(option: string, id: unknown): bigint {
  if (typeof id === "bigint" && id === BigInt.asIntN(64, id)) return id;
  throw new InvalidOptionError(option, id, "is not an id: these are bigints, as 42n.");
}

function checkStatus(status: unknown): JobStatus {
  if (JOB_STATUSES.includes(status as JobStatus)) return status as JobStatus;
  throw new InvalidOptionError("status", status, `is not one of ${JOB_STATUSES.join(", ")}.`);
}

function checkArgs(args: JsonObject): JsonObject {
  const problem = findJsonProblem(args, "args");
  if (problem) throw new InvalidOptionError(problem.path, args, `${problem.problem}.`);
  if (typeof args === "object" && args !== null && !Array.isArray(args)) return args;
  throw new InvalidOptionError("args", args, 'is not an object, like { userId: "1" }.');
}

function listOf<T>(value: T | readonly T[] | undefined): readonly T[] | undefined {
  if (value === undefined) return undefined;
  return Array.isArray(value) ? value : [value as T];
}
