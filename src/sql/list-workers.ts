import { milliseconds } from "./job-row.ts";
import { runningJobs } from "./rescue-jobs.ts";
import { type QueueSql, statement } from "./statement.ts";

/** Looks at every ready job, as no index has the worker. */
const run = statement(
  "list_workers",
  (t) => `
with running as materialized (${runningJobs(t, "j.worker_id is not null")}
), counts as materialized (
  select worker_id, count(*) as jobs from running group by worker_id
)
select (select json_agg(json_build_array(w.id::text, w.name, w.queues, w.idle, ${milliseconds("w.started_at")},
  ${milliseconds("w.last_heartbeat")}, coalesce(c.jobs, 0)) order by w.id)::text
  from ${t.workers} w left join counts c on c.worker_id = w.id) as workers`,
);

type WorkerRow = readonly [
  id: string,
  name: string,
  queues: readonly string[] | null,
  idle: boolean,
  startedAt: number | string,
  lastHeartbeat: number | string,
  runningJobs: number,
];

/** A worker as its row says. */
export interface WorkerInfo {
  readonly id: bigint;
  readonly name: string;
  /** Undefined for all. */
  readonly queues: readonly string[] | undefined;
  /** It found nothing to do, and waits. */
  readonly idle: boolean;
  readonly startedAt: Date;
  readonly lastHeartbeat: Date;
  /** Jobs that it has taken: those that run, and those that it fetched ahead. */
  readonly runningJobs: number;
}

/** All workers that have a row, by id: those that live, and dead ones until they are noticed. */
export async function listWorkers(sql: QueueSql): Promise<WorkerInfo[]> {
  const row = await run<{ workers: string | null }>(sql, []);
  const rows = JSON.parse(row.workers ?? "[]") as WorkerRow[];
  return rows.map(([id, name, queues, idle, startedAt, lastHeartbeat, jobs]) => ({
    id: BigInt(id),
    name,
    queues: queues ?? undefined,
    idle,
    startedAt: new Date(Number(startedAt)),
    lastHeartbeat: new Date(Number(lastHeartbeat)),
    runningJobs: jobs,
  }));
}
