import type { Connector } from "../connector.ts";
import { checkKnownOptions, checkName } from "../option-checks.ts";
import { listQueues, type QueueSummary } from "../sql/list-queues.ts";
import { pauseQueue } from "../sql/pause-queue.ts";
import { resumeQueue } from "../sql/resume-queue.ts";
import { type QueueSql, queueSql, type TableNames } from "../sql/statement.ts";

export interface QueueOptions<Tx> {
  /** Inside this transaction of the app's ORM: it takes effect when that commits. */
  readonly tx?: Tx;
}

/** Looks at the queues of an app, pauses and resumes them: `app.queues`. */
export interface QueueManager<Tx> {
  /**
   * The queues that have waiting or running jobs or are paused, by name. Its time grows with the number of such jobs, by
   * about a second per million.
   *
   * @throws SchemaMismatchError, DatabaseError
   */
  list(options?: QueueOptions<Tx>): Promise<QueueSummary[]>;

  /**
   * Lets no further job of the queue start, on any worker, until it is resumed. What runs goes on; deferring goes on.
   * The queue need not exist yet.
   *
   * @returns Whether that is new; false where it is paused already.
   * @throws InvalidOptionError, SchemaMismatchError, DatabaseError
   */
  pause(name: string, options?: QueueOptions<Tx>): Promise<boolean>;

  /**
   * Lets the jobs of the queue start again; idle workers begin at once.
   *
   * @returns Whether that is new; false where it is not paused.
   * @throws InvalidOptionError, SchemaMismatchError, DatabaseError
   */
  resume(name: string, options?: QueueOptions<Tx>): Promise<boolean>;
}

export function createQueueManager<Tx>(connector: Connector<Tx>, tables: TableNames): QueueManager<Tx> {
  const sqlOf = (where: string, options: QueueOptions<Tx>): QueueSql => {
    checkKnownOptions(where, options, ["tx"]);
    return queueSql(options.tx === undefined ? connector.pool : connector.using(options.tx), tables);
  };
  return {
    list: async (options = {}) => listQueues(sqlOf("queues.list", options)),
    pause: async (name, options = {}) => pauseQueue(sqlOf("queues.pause", options), checkName("name", name)),
    resume: async (name, options = {}) => resumeQueue(sqlOf("queues.resume", options), checkName("name", name)),
  };
}
