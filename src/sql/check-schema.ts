import { type QueueSql, statement } from "./statement.ts";

/** Gives null where the table is missing, instead of failing. */
const run = statement(
  "check_schema",
  (t) => `
select to_regclass('${t.jobs.replaceAll("'", "''")}')::text as jobs,
       (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
        where d.adrelid = to_regclass('${t.workers.replaceAll("'", "''")}') and a.attname = 'schema_version') as version`,
);

/** The version of the tables; undefined where there are none, 0 where they do not say. */
export async function findSchemaVersion(sql: QueueSql): Promise<number | undefined> {
  const row = await run<{ jobs: string | null; version: string | null }>(sql, []);
  if (row.jobs === null) return undefined;
  return Number.parseInt(row.version ?? "0", 10);
}
