import { notify } from "./job-row.ts";
import { QUEUES_CHANGED } from "./pause-queue.ts";
import { type QueueSql, statement } from "./statement.ts";

/** $1 queue. A queue that is not paused needs no row. */
const run = statement(
  "resume_queue",
  (t) => `
with resumed as (delete from ${t.queues} q where q.name = $1::text returning q.paused_at)
select (select count(paused_at)::int from resumed) as resumed, ${notify(t, QUEUES_CHANGED)}::text as notified`,
);

/** Lets the jobs of a queue run again; false where it is not paused. */
export async function resumeQueue(sql: QueueSql, name: string): Promise<boolean> {
  const { resumed } = await run<{ resumed: number }>(sql, [name]);
  return resumed > 0;
}
