import type { Logger } from "../logger.ts";
import type { NewJob } from "../sql/insert-jobs.ts";

/** Logs what was deferred, but for its arguments: they may be secret. Not before a transaction's commit, which nobody sees here. */
export function logDeferred(logger: Logger, jobs: readonly NewJob[], ids: readonly bigint[]): void {
  const [first] = jobs;
  const [id] = ids;
  if (!first || id === undefined || logger.isLevelEnabled?.("debug") === false) return;
  const { task, queue, lock, queueingLock, priority } = first;
  const fields = {
    action: "jobs_deferred",
    count: ids.length,
    task,
    queue,
    lock,
    queueingLock,
    priority,
    firstId: String(id),
  };
  logger.debug(
    fields,
    ids.length === 1 ? `Deferred job ${task}[${id}]` : `Deferred ${ids.length} jobs of ${task}, from ${id} on`,
  );
}
