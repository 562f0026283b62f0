import { type QueueSql, statement } from "./statement.ts";

/** As text in an array, as there are few. */
const run = statement(
  "list_paused_queues",
  (t) => `select (select json_agg(q.name)::text from ${t.queues} q where q.paused_at is not null) as names`,
);

/** The names of the queues that are paused. */
export async function listPausedQueues(sql: QueueSql): Promise<string[]> {
  const { names } = await run<{ names: string | null }>(sql, []);
  return names === null ? [] : (JSON.parse(names) as string[]);
}
