import type { JobStatus } from "../job.ts";
import type { JsonObject } from "../json.ts";
import type { TableNames } from "./statement.ts";

/** What jobs must be like. What is absent is not asked for; lists name what may be. Times are milliseconds since 1970. */
export interface JobConditions {
  readonly ids?: readonly string[];
  readonly statuses?: readonly JobStatus[];
  readonly queues?: readonly string[];
  readonly tasks?: readonly string[];
  readonly locks?: readonly string[];
  readonly queueingLocks?: readonly string[];
  readonly workers?: readonly string[];
  /** What their arguments contain. */
  readonly args?: JsonObject;
  readonly deferredAfter?: number;
  readonly deferredBefore?: number;
  readonly scheduledAfter?: number;
  readonly scheduledBefore?: number;
  readonly startedAfter?: number;
  readonly startedBefore?: number;
  readonly finishedAfter?: number;
  readonly finishedBefore?: number;
}

/**
 * The condition that the row `j` is what the JSON of the first parameter asks for.
 *
 * Each part is `absent or …`. The planner sees the parameter's value, as no plan is kept, folds the first half of each,
 * and is left with what was asked for: ids then are looked up in the primary key.
 */
export function isWanted(t: TableNames): string {
  const wanted = "($1::text::jsonb)";
  const absentOr = (key: keyof JobConditions, condition: string): string =>
    `(${wanted} -> '${key}' is null or ${condition})`;
  const among = (key: keyof JobConditions, column: string, type: string): string =>
    absentOr(
      key,
      `${column} = any((select array_agg(x.value)::${type}[] from jsonb_array_elements_text(${wanted} -> '${key}') x)::${type}[])`,
    );
  const time = (key: keyof JobConditions): string => `to_timestamp((${wanted} ->> '${key}')::float8 / 1000)`;
  const between = (name: "deferred" | "scheduled" | "started" | "finished"): string[] => [
    absentOr(`${name}After`, `j.${name}_at >= ${time(`${name}After`)}`),
    absentOr(`${name}Before`, `j.${name}_at < ${time(`${name}Before`)}`),
  ];
  return [
    among("ids", "j.id", "bigint"),
    among("statuses", "j.status", t.jobStatus),
    among("queues", "j.queue_name", "text"),
    among("tasks", "j.task_name", "text"),
    among("locks", "j.lock", "text"),
    among("queueingLocks", "j.queueing_lock", "text"),
    among("workers", "j.worker_id", "bigint"),
    absentOr("args", `j.args @> (${wanted} -> 'args')`),
    ...(["deferred", "scheduled", "started", "finished"] as const).flatMap(between),
  ].join("\n    and ");
}

/** A part of the wanted jobs, in the order of their ids. */
export interface JobBatch {
  readonly wanted: JobConditions;
  /** Only jobs with higher ids. */
  readonly after: bigint;
  readonly limit: number;
}

/** Before all ids. */
export const FIRST_ID = -9_223_372_036_854_775_808n;

/**
 * $1 the conditions, $2 only ids after this one, $3 how many at most. Two relations: `page`, the ids of the next wanted
 * jobs, and `found`, the columns of those that still are what is wanted once their rows are locked.
 */
export function chosenJobs(t: TableNames, columns: string, lock: "update" | "no key update"): string {
  return `page as materialized (
  select j.id from ${t.jobs} j where j.id > $2::text::bigint
    and ${isWanted(t)}
  order by j.id limit $3::int
), found as materialized (
  select ${columns} from ${t.jobs} j where j.id = any(array(select id from page))
    and ${isWanted(t)}
  order by j.id for ${lock} of j
)`;
}

/** The last id that was looked at; null when there are no further jobs. */
export const LAST_ID = "(select case when count(*) = $3::int then max(id)::text end from page)";

export function batchValues({ wanted, after, limit }: JobBatch): [string, string, number] {
  return [JSON.stringify(wanted), String(after), limit];
}
