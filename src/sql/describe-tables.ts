import { type QueueSql, quoteIdentifier, quoteLiteral, statement } from "./statement.ts";

/** One thing that the tables have, by names without the prefix: `["index jobs_wake_idx", "on jobs …"]`. A `=` marks names that have none. */
export type TableFact = readonly [object: string, is: string];

/** What the database says of the queue's tables. */
export interface TablesDescription {
  /** Their Postgres schema. */
  readonly schema: string;
  readonly facts: readonly TableFact[];
  /** Columns that a row cannot be written without, as their facts have them. */
  readonly requiredColumns: readonly string[];
  /** Foreign keys of other tables that keep a row of ours from being deleted. */
  readonly restrictingKeys: readonly string[];
}

const SUFFIXES = ["jobs", "workers", "periodic_defers", "schedules", "queues", "events"];
const ENUM_SUFFIXES = ["job_status", "job_event_type"];
/** What does not begin with the prefix is the app's own, whatever it is called. */
const bare = (name: string): string =>
  `case when starts_with(${name}::text, $1::text) then substr(${name}, length($1::text) + 1) else '=' || ${name} end`;
const list = (suffixes: readonly string[]): string => suffixes.map((suffix) => `$1::text || '${suffix}'`).join(", ");

/** $1 prefix. What is cut off is the prefix of a name, or what every definition of an index begins with. */
const run = statement(
  "describe_tables",
  (t) => `
with home as (
  select n.oid, n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass(${quoteLiteral(t.jobs)})
), ours as (
  select c.oid, c.relname, substr(c.relname, length($1::text) + 1) as name, c.reloptions
  from pg_class c join home h on h.oid = c.relnamespace where c.relkind in ('r', 'p') and c.relname in (${list(SUFFIXES)})
)
select (select nspname::text from home) as schema,
  (select coalesce(json_agg(json_build_object('table', o.name, 'options', o.reloptions)), '[]')::text from ours o) as tables,
  (select coalesce(json_agg(json_build_object(
     'table', o.name, 'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull,
     'default', pg_get_expr(d.adbin, d.adrelid), 'identity', a.attidentity, 'generated', a.attgenerated)), '[]')::text
   from ours o join pg_attribute a on a.attrelid = o.oid and a.attnum > 0 and not a.attisdropped
   left join pg_attrdef d on d.adrelid = o.oid and d.adnum = a.attnum) as columns,
  (select coalesce(json_agg(json_build_object(
     'table', o.name, 'name', ${bare("c.relname")}, 'unique', i.indisunique, 'valid', i.indisvalid,
     'definition', substr(pg_get_indexdef(c.oid), strpos(pg_get_indexdef(c.oid), ' USING ') + 7))), '[]')::text
   from ours o join pg_index i on i.indrelid = o.oid join pg_class c on c.oid = i.indexrelid) as indexes,
  (select coalesce(json_agg(json_build_object(
     'table', o.name, 'name', ${bare("k.conname")}, 'definition', pg_get_constraintdef(k.oid))), '[]')::text
   from ours o join pg_constraint k on k.conrelid = o.oid and k.contype = 'c') as checks,
  (select coalesce(json_agg(json_build_object('name', substr(y.typname, length($1::text) + 1), 'labels',
     (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = y.oid))), '[]')::text
   from pg_type y join home h on h.oid = y.typnamespace where y.typname in (${list(ENUM_SUFFIXES)})) as enums,
  (select coalesce(json_agg(k.conname || ' of ' || k.conrelid::regclass::text), '[]')::text
   from ours o join pg_constraint k on k.confrelid = o.oid and k.contype = 'f' and k.confdeltype in ('a', 'r')) as keys`,
);

interface Column {
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly notNull: boolean;
  readonly default: string | null;
  readonly identity: string;
  readonly generated: string;
}

type Texts = Record<"tables" | "columns" | "indexes" | "checks" | "enums" | "keys", string>;

/** Reads the queue's tables in the system catalogs; undefined where there is no jobs table. */
export async function describeTables(sql: QueueSql): Promise<TablesDescription | undefined> {
  const { prefix } = sql.tables;
  const { schema, ...texts } = await run<Texts & { schema: string | null }>(sql, [prefix]);
  if (schema === null) return undefined;
  const plain = (text: string): string => withoutNames(text, schema, prefix);
  const columns = JSON.parse(texts.columns) as Column[];
  return {
    schema,
    facts: [...columns.map((column) => describeColumn(column, plain)), ...describeOthers(texts, plain)],
    requiredColumns: columns.filter(isRequired).map(nameColumn),
    restrictingKeys: JSON.parse(texts.keys) as string[],
  };
}

function describeOthers(texts: Texts, plain: (text: string) => string): TableFact[] {
  type Named = { readonly table: string; readonly name: string; readonly definition: string };
  const tables = JSON.parse(texts.tables) as { table: string; options: string[] | null }[];
  const indexes = JSON.parse(texts.indexes) as (Named & { unique: boolean; valid: boolean })[];
  const checks = JSON.parse(texts.checks) as Named[];
  const enums = JSON.parse(texts.enums) as { name: string; labels: string[] }[];
  return [
    ...tables.map(({ table }): TableFact => [`table ${table}`, "there"]),
    ...indexes.map(({ table, name, unique, valid, definition }): TableFact => {
      const kind = `${unique ? "unique " : ""}on ${table} using ${definition}`;
      return [`index ${name}`, valid ? kind : `${kind}, invalid`];
    }),
    ...checks.map(({ name, table, definition }): TableFact => [`check ${name}`, `on ${table} ${plain(definition)}`]),
    ...enums.map(({ name, labels }): TableFact => [`enum ${name}`, labels.join(", ")]),
    ...tables
      .filter(({ options }) => options !== null)
      .map(({ table, options }): TableFact => [`storage ${table}`, [...(options ?? [])].sort().join(", ")]),
  ];
}

/** The version that tables say they have is compared as such. */
const VERSION_COLUMN = "column periodic_defers.schema_version";

const nameColumn = ({ table, name }: Column): string => `column ${table}.${name}`;

const isRequired = (column: Column): boolean =>
  column.notNull && column.default === null && column.identity === "" && column.generated === "";

/** The same for what the ORMs say in ways of their own: serials and identity columns, `now()` and `CURRENT_TIMESTAMP`. */
function describeColumn(column: Column, plain: (text: string) => string): TableFact {
  const { type, notNull, identity, default: given, generated } = column;
  const isSequence = identity === "d" || given?.startsWith("nextval(");
  const value = given === "CURRENT_TIMESTAMP" ? "now()" : plain(given ?? "");
  const parts = [
    plain(type),
    notNull ? "not null" : "",
    isSequence ? "from a sequence" : value && `default ${value}`,
    identity === "a" ? "always from a sequence" : "",
    generated === "" ? "" : "generated",
  ];
  const name = nameColumn(column);
  if (name === VERSION_COLUMN) parts.splice(2);
  return [name, parts.filter((part) => part !== "").join(" ")];
}

/** Postgres names an enum with its schema where the search path does not have that, and quotes what needs it. */
function withoutNames(text: string, schema: string, prefix: string): string {
  let plain = text;
  for (const suffix of ENUM_SUFFIXES) {
    const name = prefix + suffix;
    const names = [quoteIdentifier(name), name];
    const places = [`${quoteIdentifier(schema)}.`, `${schema}.`, ""];
    for (const each of places.flatMap((place) => names.map((known) => place + known))) {
      plain = plain.replaceAll(`::${each}`, `::${suffix}`);
      if (plain === each) plain = suffix;
    }
  }
  return plain;
}
