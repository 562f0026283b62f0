import { runSql } from "./run-sql.ts";

/** What pg_catalog says of the queue's tables, one line per fact, sorted. */
export async function describeCatalog(url: string): Promise<string[]> {
  const rows = await runSql<{ fact: string }>(url, FACTS);
  return rows.map(({ fact }) => fact).sort();
}

const FACTS = `
select format('column %s.%s %s%s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
              case when a.attnotnull then ' not null' else '' end,
              coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''),
              case a.attidentity when 'd' then ' identity by default' when 'a' then ' identity always' else '' end) as fact
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relkind = 'r' and c.relname like 'procrastinate%'
union all
select 'index ' || indexdef from pg_indexes where tablename like 'procrastinate%'
union all
select format('constraint %s %s', conname, pg_get_constraintdef(oid)) from pg_constraint
where conrelid::regclass::text like 'procrastinate%' and contype <> 'n'
union all
select format('enum %s %s', t.typname, string_agg(e.enumlabel, ',' order by e.enumsortorder))
from pg_type t join pg_enum e on e.enumtypid = t.oid group by t.typname
union all
select format('trigger %s', tgname) from pg_trigger where tgrelid::regclass::text like 'procrastinate%'
union all
select format('storage %s %s', relname, array_to_string(reloptions, ',')) from pg_class
where relname like 'procrastinate%' and reloptions is not null`;
