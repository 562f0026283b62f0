import type { Client } from "pg";

/** Of everything, or only where a scenario asks for it: what is not tracked costs nothing. */
export function statementSettings(everything: boolean): Readonly<Record<string, string>> {
  return {
    shared_preload_libraries: "pg_stat_statements",
    "pg_stat_statements.track_planning": "on",
    "pg_stat_statements.track": everything ? "top" : "none",
  };
}

/** Call before the database's first session of those that shall be counted. */
export async function trackStatements(admin: Client, database: string): Promise<void> {
  await admin.query("create extension if not exists pg_stat_statements");
  await admin.query(`alter database ${database} set pg_stat_statements.track = 'top'`);
}

export interface StatementTotals {
  readonly calls: number;
  /** How many of them claimed jobs of procrastinate's tables. */
  readonly claims: number;
  /** Milliseconds in the server that the slowest claim took: its longest planning and its longest execution; null without one. */
  readonly slowestClaimMs: number | null;
  /** And what they took on average. */
  readonly meanClaimMs: number | null;
}

export async function statementTotals(admin: Client, database: string): Promise<StatementTotals> {
  const { rows } = await admin.query<StatementTotals>(
    `select coalesce(sum(s.calls), 0)::float8 as calls,
            coalesce(sum(s.calls) filter (where s.is_claim), 0)::float8 as claims,
            max(s.max_exec_time + s.max_plan_time) filter (where s.is_claim) as "slowestClaimMs",
            sum(s.total_exec_time + s.total_plan_time) filter (where s.is_claim) / sum(s.calls) filter (where s.is_claim) as "meanClaimMs"
     from (select *, query like '%lease = j.lease +%' as is_claim from pg_stat_statements) s
     join pg_database d on d.oid = s.dbid where d.datname = $1`,
    [database],
  );
  const [totals] = rows;
  if (!totals) throw new Error("pg_stat_statements gave no row");
  return totals;
}

interface StatementRow {
  readonly calls: string;
  readonly execMs: number;
  readonly planMs: number;
  readonly rows: string;
  readonly wal: string;
  readonly query: string;
}

/** The costliest statements of all contenders since the last call, for `--profile`. */
export async function costliestStatements(admin: Client, count: number): Promise<string> {
  await admin.query("create extension if not exists pg_stat_statements");
  // The databases of the runs are gone by now; what a statement says tells whose it is.
  const { rows } = await admin.query<StatementRow>(
    `select sum(calls) as calls, sum(total_exec_time) as "execMs", sum(total_plan_time) as "planMs", sum(rows) as rows,
            pg_size_pretty(sum(wal_bytes)) as wal, left(regexp_replace(query, '\\s+', ' ', 'g'), 120) as query
     from pg_stat_statements where query !~* '^(create|drop) database' group by 6
     order by sum(total_exec_time + total_plan_time) desc limit $1`,
    [count],
  );
  await admin.query("select pg_stat_statements_reset()");
  const head = ["exec ms", "plan ms", "calls", "rows", "wal", "statement"].join("\t");
  const lines = rows.map((row) =>
    [row.execMs.toFixed(0), row.planMs.toFixed(0), row.calls, row.rows, row.wal, row.query].join("\t"),
  );
  return [head, ...lines].join("\n");
}
