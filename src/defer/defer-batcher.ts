import { DatabaseError } from "../database-error.ts";
import type { NewJob } from "../sql/insert-jobs.ts";
import type { QueueSql } from "../sql/statement.ts";
import { writeJobs } from "./write-jobs.ts";

interface PendingJob {
  readonly job: NewJob;
  readonly resolve: (id: bigint | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** More rows in one statement make it no faster per row. */
const MAX_BATCH = 1000;
/** And so many characters of arguments: one statement has a limit, which many large jobs together would break. */
const MAX_BATCH_LENGTH = 4 * 1024 * 1024;

/**
 * Lets jobs that are deferred at the same time travel together: whatever comes in while one statement is under way
 * leaves with the next. No timer, so that a lone caller waits for nothing.
 *
 * Only for jobs without a queueing lock. One with it may have to wait until another transaction ends, and must not make
 * its companions wait too: the code that would end that transaction may be one of them.
 */
export class DeferBatcher {
  readonly #sql: QueueSql;
  readonly #pending: PendingJob[] = [];
  #flushing = false;

  constructor(sql: QueueSql) {
    this.#sql = sql;
  }

  defer(job: NewJob): Promise<bigint | undefined> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ job, resolve, reject });
      if (this.#flushing) return;
      this.#flushing = true;
      // Later, so that all callers of this moment come along.
      queueMicrotask(() => void this.#flush());
    });
  }

  async #flush(): Promise<void> {
    while (this.#pending.length > 0) await this.#insert(this.#pending.splice(0, this.#nextBatchSize()));
    this.#flushing = false;
  }

  /** At least one, however large it is. */
  #nextBatchSize(): number {
    let size = 0;
    for (let length = 0; size < Math.min(this.#pending.length, MAX_BATCH); size++) {
      length += this.#pending[size]?.job.argsJson.length ?? 0;
      if (size > 0 && length > MAX_BATCH_LENGTH) break;
    }
    return size;
  }

  async #insert(batch: readonly PendingJob[]): Promise<void> {
    try {
      const ids = await writeJobs(
        this.#sql,
        batch.map((pending) => pending.job),
      );
      for (const [index, pending] of batch.entries()) pending.resolve(ids[index]);
    } catch (error) {
      // Nothing was written. If the data of one job was refused, the others shall not suffer for it: halves find it.
      if (batch.length > 1 && error instanceof DatabaseError && error.isDataProblem) {
        const middle = batch.length >> 1;
        await this.#insert(batch.slice(0, middle));
        await this.#insert(batch.slice(middle));
      } else {
        for (const pending of batch) pending.reject(error);
      }
    }
  }
}
