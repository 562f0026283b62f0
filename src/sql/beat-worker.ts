import { type QueueSql, statement, textArray } from "./statement.ts";

/** $1 name, $2 queues or null for all. */
const register = statement(
  "register_worker",
  (t) => `insert into ${t.workers} (name, queues) values ($1::text, $2::text::text[])
returning id::text as id`,
);

/**
 * $1 id, $2 name, $3 queues, $4 idle. Writes the row anew if it is gone: a worker that was taken for dead goes on
 * under its id, and what it lost meanwhile is fenced by the leases. Its row may be one that another worker wrote for the
 * jobs of an unknown one, without its name and queues. An unchanged list of queues keeps its place: a long one would be
 * stored anew at each heartbeat (1,000 queues: 38 KB of WAL in place of 227 bytes).
 */
const beat = statement(
  "beat_worker",
  (
    t,
  ) => `insert into ${t.workers} as w (id, name, queues, idle) values ($1::text::bigint, $2::text, $3::text::text[], $4::boolean)
on conflict (id) do update set last_heartbeat = now(), idle = excluded.idle, name = excluded.name,
  queues = case when w.queues is distinct from excluded.queues then excluded.queues else w.queues end
returning (w.xmax = 0) as "isNew"`,
);

/** $1 id. */
const unregister = statement(
  "unregister_worker",
  (t) =>
    `with gone as (delete from ${t.workers} where id = $1::text::bigint returning 1) select count(*)::int as gone from gone`,
);

export interface WorkerRow {
  readonly name: string;
  /** Undefined for all. */
  readonly queues: readonly string[] | undefined;
}

/** Writes a worker's row; gives its id. */
export async function registerWorker(sql: QueueSql, worker: WorkerRow): Promise<{ id: bigint }> {
  const row = await register<{ id: string }>(sql, [worker.name, queuesOf(worker)]);
  return { id: BigInt(row.id) };
}

/** Says that the worker lives and whether it wants to be notified; tells whether its row had gone. */
export function beatWorker(
  sql: QueueSql,
  worker: WorkerRow & { id: bigint; idle: boolean },
): Promise<{ isNew: boolean }> {
  return beat(sql, [String(worker.id), worker.name, queuesOf(worker), worker.idle]);
}

export async function unregisterWorker(sql: QueueSql, id: bigint): Promise<void> {
  await unregister(sql, [String(id)]);
}

function queuesOf(worker: WorkerRow): string | null {
  return worker.queues === undefined ? null : textArray(worker.queues);
}
