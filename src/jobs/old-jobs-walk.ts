import { DatabaseError } from "../database-error.ts";
import { deleteOldJobs, type KeptMs, type OldJobsPage } from "../sql/delete-old-jobs.ts";
import type { QueueSql } from "../sql/statement.ts";

/** So many jobs are looked at by one statement, which takes some 30 ms where all are deleted. */
const PAGE = 1000;
const SHRINK = 8;
/**
 * After a refusal. Postgres says it before it has given up the locks of the statement, and the next one, over another
 * connection, would pass over the same jobs as locked.
 */
const LOOKS_AGAIN = 50;
const NOTHING: KeptMs = { succeeded: null, failed: null, cancelled: null, aborted: null };

export interface WalkOptions {
  readonly keptMs: KeptMs;
  /** Undefined for all. */
  readonly queue?: string | undefined;
  /** Take turns with other sessions. */
  readonly exclusive: boolean;
}

export interface WalkedPage {
  readonly deleted: number;
  /** Another session is at it. */
  readonly isBusy: boolean;
  /** There is nothing old behind this page. */
  readonly isEnd: boolean;
  /** Why a job that is old could not be deleted, or, with `isEnd`, none at all; undefined where all could. */
  readonly refusal: DatabaseError | undefined;
}

/**
 * Walks along the primary key from the oldest job on and deletes what is old, page by page. The next walk goes on where
 * this one found the jobs too young, so that it looks at what became old since; what was kept on the way is seen again
 * after `restart`.
 */
export class OldJobsWalk {
  readonly #sql: QueueSql;
  readonly #options: WalkOptions;
  #after = 0n;
  #limit = PAGE;
  /** So often a page with locked jobs is looked at again. */
  #looksAgain = 0;

  constructor(sql: QueueSql, options: WalkOptions) {
    this.#sql = sql;
    this.#options = options;
  }

  /** Begins again at the oldest job. */
  restart(): void {
    this.#after = 0n;
  }

  /**
   * Deletes the old jobs of the next page. One that cannot be deleted, as a row of the app refers to it, is passed over:
   * the page gets smaller until it is alone.
   *
   * @throws DatabaseError
   */
  async next(): Promise<WalkedPage> {
    let page: OldJobsPage;
    try {
      page = await deleteOldJobs(this.#sql, { ...this.#options, after: this.#after, limit: this.#limit });
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.isTransient || error.isConnectionLoss) throw error;
      // Not about any job: this role may not delete, say.
      if (error.sqlState?.startsWith("42")) return { deleted: 0, isBusy: false, isEnd: true, refusal: error };
      this.#looksAgain = LOOKS_AGAIN;
      return this.#shrink(error);
    }
    if (page.locked > 0 && this.#looksAgain > 0) {
      this.#looksAgain--;
      return { deleted: page.deleted, isBusy: page.isBusy, isEnd: false, refusal: undefined };
    }
    const isEnd = !page.isBusy && (page.isYoung || page.seen < this.#limit);
    if (!isEnd && page.last !== undefined) this.#after = page.last;
    this.#limit = Math.min(this.#limit * 2, PAGE);
    return { deleted: page.deleted, isBusy: page.isBusy, isEnd, refusal: undefined };
  }

  async #shrink(refusal: DatabaseError): Promise<WalkedPage> {
    const again = { deleted: 0, isBusy: false, isEnd: false };
    if (this.#limit > 1) {
      this.#limit = Math.ceil(this.#limit / SHRINK);
      return { ...again, refusal: undefined };
    }
    const { last } = await deleteOldJobs(this.#sql, {
      after: this.#after,
      limit: 1,
      keptMs: NOTHING,
      exclusive: false,
    });
    if (last !== undefined) this.#after = last;
    return { ...again, refusal };
  }
}
