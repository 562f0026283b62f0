import type { StoredJob } from "../stored-job.ts";
import { isWanted, type JobConditions } from "./job-filter.ts";
import { type QueueSql, type RunStatement, statement } from "./statement.ts";
import { parseStoredJobs, STORED_JOB } from "./stored-job.ts";

/** By what jobs can be listed. Those without such a time come last. */
export const JOB_ORDERS = ["id", "priority", "scheduledAt", "startedAt", "finishedAt"] as const;
export type JobOrder = (typeof JOB_ORDERS)[number];
export type Direction = "asc" | "desc";

/** A job that a page ended with: its id, and what it was ordered by. */
export interface JobPlace {
  readonly id: string;
  readonly key: string;
}

export interface ListRequest {
  readonly wanted: JobConditions;
  readonly orderBy: JobOrder;
  readonly direction: Direction;
  readonly after: JobPlace | undefined;
  readonly limit: number;
}

/** The jobs of a page travel as one text, which has limits in Postgres and in JavaScript. */
const MAX_BYTES = 16 * 1024 * 1024;

const LAST = { asc: "infinity", desc: "-infinity" };
const COLUMNS: Readonly<Record<Exclude<JobOrder, "id">, string>> = {
  priority: "j.priority::float8",
  scheduledAt: "extract(epoch from j.scheduled_at)::float8",
  startedAt: "extract(epoch from j.started_at)::float8",
  finishedAt: "extract(epoch from j.finished_at)::float8",
};

function keyOf(orderBy: JobOrder, direction: Direction): string {
  return orderBy === "id" ? "0::float8" : `coalesce(${COLUMNS[orderBy]}, '${LAST[direction]}'::float8)`;
}

/** Measured only where it may be large: small values are stored as they are. */
const sizeOf = (column: string): string =>
  `case when pg_column_size(${column}) > 2000 then octet_length(${column}::text) else 0 end`;

/** $1 the conditions, $2 the id and $3 the key of the job that the page comes after, $4 how many at most. */
function declare(orderBy: JobOrder, direction: Direction): RunStatement {
  const key = keyOf(orderBy, direction);
  const beyond = direction === "asc" ? ">" : "<";
  const isBeyond =
    orderBy === "id"
      ? `j.id ${beyond} $2::text::bigint and $3::text is not null`
      : `(${key}, j.id) ${beyond} ($3::text::float8, $2::text::bigint)`;
  const sorted = orderBy === "id" ? `j.id ${direction}` : `${key} ${direction}, j.id ${direction}`;
  return statement(
    `list_jobs_by_${orderBy}_${direction}`,
    (t) => `
with page as materialized (
  select x.*, row_number() over (order by x.key ${direction}, x.id ${direction}) as place from (
    select j.id, ${key} as key from ${t.jobs} j where ($2::text is null or ${isBeyond})
    and ${isWanted(t)}
    order by ${sorted} limit $4::int + 1
  ) x
), sized as materialized (
  select p.*, sum(s.size) over (order by p.place) - s.size as before from page p join ${t.jobs} j on j.id = p.id
  cross join lateral (select ${["j.args", "j.result", "j.progress"].map(sizeOf).join(" + ")} as size) s
), shown as materialized (
  select s.* from sized s where s.place <= $4::int and s.before < ${MAX_BYTES}
)
select (select json_agg(${STORED_JOB} order by s.place)::text from shown s join ${t.jobs} j on j.id = s.id) as jobs,
       (select json_build_object('id', s.id::text, 'key', s.key::text)::text from shown s
        where (select count(*) from page) > (select count(*) from shown) order by s.place desc limit 1) as last`,
  );
}

const RUN = Object.fromEntries(
  JOB_ORDERS.map((orderBy) => [orderBy, { asc: declare(orderBy, "asc"), desc: declare(orderBy, "desc") }]),
) as Readonly<Record<JobOrder, Readonly<Record<Direction, RunStatement>>>>;

export interface ListedJobs {
  readonly jobs: readonly StoredJob[];
  /** Where the next page begins; undefined after the last one. */
  readonly last: JobPlace | undefined;
}

/** A page of the wanted jobs. */
export async function listJobs(sql: QueueSql, request: ListRequest): Promise<ListedJobs> {
  const { wanted, orderBy, direction, after, limit } = request;
  const values = [JSON.stringify(wanted), after?.id ?? null, after?.key ?? null, limit];
  const row = await RUN[orderBy][direction]<{ jobs: string | null; last: string | null }>(sql, values);
  return {
    jobs: parseStoredJobs(row.jobs),
    last: row.last === null ? undefined : (JSON.parse(row.last) as JobPlace),
  };
}
