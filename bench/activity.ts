import pg from "pg";

/** What a database has caused so far. */
export interface Activity {
  readonly commits: number;
  /** Row versions that were superseded or deleted: what vacuum has to remove sooner or later. */
  readonly deadRows: number;
  /** Those of them that indexes point to: only vacuum removes them, others go as soon as their page is read. */
  readonly deadIndexedRows: number;
  /** Of the whole server, which works for nothing else. */
  readonly walBytes: number;
}

/** Sessions hand in their counters when they end, at the latest: read after the contender's have. */
export async function readActivity(admin: pg.Client, url: string, database: string): Promise<Activity> {
  const { rows } = await admin.query<{ commits: number; walBytes: number }>(
    `select xact_commit::float8 as commits, (pg_current_wal_insert_lsn() - '0/0')::float8 as "walBytes"
     from pg_stat_database where datname = $1`,
    [database],
  );
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const tables = await client.query<Pick<Activity, "deadRows" | "deadIndexedRows">>(
    `select coalesce(sum(n_tup_upd + n_tup_del), 0)::float8 as "deadRows",
            coalesce(sum(n_tup_upd - n_tup_hot_upd + n_tup_del), 0)::float8 as "deadIndexedRows"
     from pg_stat_user_tables`,
  );
  await client.end();
  return {
    commits: rows[0]?.commits ?? Number.NaN,
    walBytes: rows[0]?.walBytes ?? Number.NaN,
    deadRows: tables.rows[0]?.deadRows ?? Number.NaN,
    deadIndexedRows: tables.rows[0]?.deadIndexedRows ?? Number.NaN,
  };
}
