import type { Client } from "pg";

/** Settings that make Postgres keep what `costliestStatements` reads. */
export const TRACK_STATEMENTS = ["shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track_planning=on"];

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
