import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Connector } from "../connector.ts";
import { messageOf } from "../describe.ts";
import { type Duration, durationToMs } from "../duration.ts";
import { InvalidOptionError } from "../errors.ts";
import { checkBoolean, checkKnownOptions, checkName } from "../option-checks.ts";
import { queueSql, type TableNames } from "../sql/statement.ts";
import { defineTask, implementTask } from "../task/define-task.ts";
import type { AnyTask } from "../task/task.ts";
import { OldJobsWalk } from "./old-jobs-walk.ts";

/** Which finished jobs `removeOldJobs` deletes: the succeeded ones, and others on request. */
export type RemoveOldJobsArgs = OldAge & {
  /** Only jobs of this queue. Default: of all. */
  readonly queue?: string;
  /** Default: false. */
  readonly removeFailed?: boolean;
  /** Default: false. */
  readonly removeCancelled?: boolean;
  /** Default: false. */
  readonly removeAborted?: boolean;
};

/** For how long a job must have been finished. */
type OldAge =
  | { readonly maxHours: number; readonly olderThan?: never }
  | { readonly olderThan: Duration; readonly maxHours?: never };

const OPTIONS = ["maxHours", "olderThan", "queue", "removeFailed", "removeCancelled", "removeAborted"];

/** What the arguments say, with their defaults. */
interface OldJobs {
  readonly ageMs: number;
  readonly queue: string | undefined;
  readonly removeFailed: boolean;
  readonly removeCancelled: boolean;
  readonly removeAborted: boolean;
}

/** @throws InvalidOptionError */
function parseArgs(given: unknown): OldJobs {
  const args = given as RemoveOldJobsArgs;
  checkKnownOptions("removeOldJobs", args, OPTIONS);
  const { maxHours, olderThan, queue } = args;
  if ((maxHours === undefined) === (olderThan === undefined)) {
    throw new InvalidOptionError("olderThan", olderThan, "and maxHours: give one of the two.");
  }
  const flag = (name: "removeFailed" | "removeCancelled" | "removeAborted"): boolean =>
    checkBoolean(name, args[name] ?? false);
  return {
    ageMs:
      olderThan === undefined ? durationToMs({ hours: maxHours }, "maxHours") : durationToMs(olderThan, "olderThan"),
    queue: queue === undefined ? undefined : checkName("queue", queue),
    removeFailed: flag("removeFailed"),
    removeCancelled: flag("removeCancelled"),
    removeAborted: flag("removeAborted"),
  };
}

const schema: StandardSchemaV1<RemoveOldJobsArgs, OldJobs> = {
  "~standard": {
    version: 1,
    vendor: "procrastinate",
    validate(args) {
      try {
        return { value: parseArgs(args) };
      } catch (error) {
        return { issues: [{ message: messageOf(error) }] };
      }
    },
  },
};

/**
 * Deletes finished jobs that are old, with their events, in batches. Every app can defer it, and every worker of the
 * queue `builtin` or of all queues can run it. Its result is `{ deleted, kept }`; it fails where the worker may not delete.
 */
export const removeOldJobs = defineTask({
  name: "builtin:procrastinate.remove_old_jobs",
  queue: "builtin",
  storeResult: true,
  schema,
});

/** The tasks that every app has, whatever it was given. */
export function builtinTasks<Tx>(connector: Connector<Tx>, tables: TableNames): AnyTask[] {
  const sql = queueSql(connector.pool, tables);
  return [
    implementTask(removeOldJobs, async ({ ageMs, queue, removeFailed, removeCancelled, removeAborted }, { signal }) => {
      const keptMs = {
        succeeded: ageMs,
        failed: removeFailed ? ageMs : null,
        cancelled: removeCancelled ? ageMs : null,
        aborted: removeAborted ? ageMs : null,
      };
      return walkToEnd(new OldJobsWalk(sql, { keptMs, queue, exclusive: false }), signal);
    }),
  ];
}

/** @throws DatabaseError where nothing can be deleted. */
async function walkToEnd(walk: OldJobsWalk, signal: AbortSignal): Promise<{ deleted: number; kept: number }> {
  const sum = { deleted: 0, kept: 0 };
  for (;;) {
    signal.throwIfAborted();
    const { deleted, isEnd, refusal } = await walk.next();
    // It is not about one job.
    if (isEnd && refusal) throw refusal;
    sum.deleted += deleted;
    if (refusal) sum.kept++;
    if (isEnd) return sum;
  }
}
