import { type QueueSql, quoteLiteral, statement } from "./statement.ts";

/**
 * Gives null where the table is missing, instead of failing. Without a schema of its own it is looked up along the
 * search path, as by every other statement.
 */
const run = statement(
  "check_schema",
  (t) => `
select to_regclass(${quoteLiteral(t.jobs)})::text as jobs,
       (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
        where d.adrelid = to_regclass(${quoteLiteral(t.periodicDefers)}) and a.attname = 'schema_version') as version`,
);

/** $1 bare name of the jobs table. */
const findElsewhere = statement(
  "find_tables_elsewhere",
  () => `
select coalesce(json_agg(n.nspname::text order by n.nspname), '[]')::text as schemas
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and c.relname = $1::text`,
);

/** What the tables say in the default of `schema_version`; undefined where there are none, 0 where they do not say. */
export async function findSchemaVersion(sql: QueueSql): Promise<number | undefined> {
  const row = await run<{ jobs: string | null; version: string | null }>(sql, []);
  if (row.jobs === null) return undefined;
  return Number.parseInt(row.version ?? "0", 10) || 0;
}

/** The Postgres schemas that have a jobs table under this prefix, wherever the app looks. */
export async function findSchemasWithTables(sql: QueueSql): Promise<readonly string[]> {
  const { schemas } = await findElsewhere<{ schemas: string }>(sql, [`${sql.tables.prefix}jobs`]);
  return JSON.parse(schemas);
}
