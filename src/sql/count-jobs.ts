import type { JobStatus } from "../job.ts";
import { JOB_STATUSES } from "../job.ts";
import { isWanted, type JobConditions } from "./job-filter.ts";
import { type QueueSql, type RunStatement, statement } from "./statement.ts";

/** How many jobs there are in each state. */
export type StatusCounts = Readonly<Record<JobStatus, number>> & { readonly total: number };

/** By what jobs can be counted. */
export const JOB_GROUPS = ["queue", "task", "lock"] as const;
export type JobGroup = (typeof JOB_GROUPS)[number];

/** The counts of one queue, task or lock. */
export interface GroupCounts extends StatusCounts {
  readonly name: string;
}

/** A number of any size, as no integer of a result has more than 32 bits. */
const COUNTS = `'total', count(*), ${JOB_STATUSES.map((status) => `'${status}', count(*) filter (where j.status = '${status}')`).join(", ")}`;

/** $1 the conditions. */
const countAll = statement(
  "count_jobs",
  (t) => `select json_build_object(${COUNTS})::text as counts from ${t.jobs} j where ${isWanted(t)}`,
);

const COLUMNS: Readonly<Record<JobGroup, string>> = { queue: "j.queue_name", task: "j.task_name", lock: "j.lock" };

/** $1 the conditions, $2 only names after this one, $3 how many at most. */
const countGroups = (group: JobGroup): RunStatement =>
  statement(
    `count_jobs_by_${group}`,
    (t) => `
select (select json_agg(g.counts order by g.name)::text from (
  select ${COLUMNS[group]} as name, json_build_object('name', ${COLUMNS[group]}, ${COUNTS}) as counts from ${t.jobs} j
  where ${COLUMNS[group]} is not null and ($2::text is null or ${COLUMNS[group]} > $2::text)
    and ${isWanted(t)}
  group by 1 order by 1 limit $3::int) g) as counts`,
  );
const BY: Readonly<Record<JobGroup, RunStatement>> = {
  queue: countGroups("queue"),
  task: countGroups("task"),
  lock: countGroups("lock"),
};

export async function countJobs(sql: QueueSql, wanted: JobConditions): Promise<StatusCounts> {
  const row = await countAll<{ counts: string }>(sql, [JSON.stringify(wanted)]);
  return JSON.parse(row.counts) as StatusCounts;
}

export interface GroupRequest {
  readonly wanted: JobConditions;
  /** Only names after this one. */
  readonly after: string | undefined;
  readonly limit: number;
}

/** Counts by name, in the order of the names. Jobs without a lock are in none. */
export async function countJobsBy(
  sql: QueueSql,
  group: JobGroup,
  { wanted, after, limit }: GroupRequest,
): Promise<GroupCounts[]> {
  const row = await BY[group]<{ counts: string | null }>(sql, [JSON.stringify(wanted), after ?? null, limit]);
  return JSON.parse(row.counts ?? "[]") as GroupCounts[];
}
