import type { JobEventType, JobStatus } from "../job.ts";
import type { JsonObject } from "../json.ts";
import type { StoredJob } from "../stored-job.ts";
import { optionalStatement, type QueueSql } from "./statement.ts";
import { parseStoredJobs, STORED_JOB } from "./stored-job.ts";

/** $1 id. */
const find = optionalStatement(
  "find_job",
  (t) => `select json_build_array(${STORED_JOB})::text as job from ${t.jobs} j where j.id = $1::text::bigint`,
);

/** $1 id. What somebody who waits for a job asks again and again. */
const findStatus = optionalStatement(
  "find_job_status",
  (t) => `select j.status::text as status from ${t.jobs} j where j.id = $1::text::bigint`,
);

/** $1 id. Times are not rounded: what happened in one millisecond keeps its order. */
const findStory = optionalStatement(
  "find_job_story",
  (t) => `
select j.status::text as status, s.deferred as "deferredAt", s.started as "startedAt", s.finished as "finishedAt",
       (select json_agg(json_build_array(e.type, date_part('epoch', e.at) * 1000, e.detail) order by e.at, e.id)::text
        from ${t.events} e where e.job_id = j.id) as events
from ${t.jobs} j cross join lateral (
  select date_part('epoch', j.deferred_at)::float8 * 1000 as deferred, date_part('epoch', j.started_at)::float8 * 1000 as started,
         date_part('epoch', j.finished_at)::float8 * 1000 as finished) s
where j.id = $1::text::bigint`,
);

/** The job of that id, if there is one. */
export async function findJob(sql: QueueSql, id: bigint): Promise<StoredJob | undefined> {
  const row = await find<{ job: string }>(sql, [String(id)]);
  return row && parseStoredJobs(row.job)[0];
}

export async function findJobStatus(sql: QueueSql, id: bigint): Promise<JobStatus | undefined> {
  const row = await findStatus<{ status: JobStatus }>(sql, [String(id)]);
  return row?.status;
}

/** A job's own times and its events. Milliseconds since 1970. */
export interface JobStory {
  readonly status: JobStatus;
  readonly deferredAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /** In their order. */
  readonly events: readonly StoryEvent[];
}

export type StoryEvent = readonly [type: JobEventType, at: number, detail: JsonObject | null];

export async function findJobStory(sql: QueueSql, id: bigint): Promise<JobStory | undefined> {
  const row = await findStory<Omit<JobStory, "events"> & { readonly events: string | null }>(sql, [String(id)]);
  return row && { ...row, events: JSON.parse(row.events ?? "[]") as StoryEvent[] };
}
