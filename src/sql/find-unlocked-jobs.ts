import { numberArray, type QueueSql, statement } from "./statement.ts";

/** $1 ids. Takes their row locks, as far as they are free, and lets go of them at once. */
const run = statement(
  "find_unlocked_jobs",
  (t) => `
with free as materialized (
  select j.id from ${t.jobs} j where j.id = any($1::text::bigint[]) for no key update skip locked
)
select (select json_agg(u.id::text)::text from unnest($1::text::bigint[]) u(id)
        where u.id in (select f.id from free f)
           or not exists (select 1 from ${t.jobs} j where j.id = u.id)) as ids`,
);

/** The ids of the jobs that no other transaction keeps locked; those of jobs that are gone, too. */
export async function findUnlockedJobs(sql: QueueSql, ids: readonly bigint[]): Promise<ReadonlySet<bigint>> {
  const row = await run<{ ids: string | null }>(sql, [numberArray(ids)]);
  return new Set(row.ids === null ? [] : (JSON.parse(row.ids) as string[]).map(BigInt));
}
