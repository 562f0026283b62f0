import { notify } from "./job-row.ts";
import { type QueueSql, statement } from "./statement.ts";

/** $1 worker. Notifies all who listen, so that the worker learns whether it hears anything. */
const run = statement(
  "notify_echo",
  (t) => `select ${notify(t, "json_build_object('echo', $1::text)")}::text as notified`,
);

/** Sends a notification that means nothing to anybody but this worker. */
export async function notifyEcho(sql: QueueSql, workerId: bigint): Promise<void> {
  await run(sql, [String(workerId)]);
}
