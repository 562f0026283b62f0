import type { Connector } from "../connector.ts";
import { DatabaseError } from "../database-error.ts";
import { InvalidOptionError, ProcrastinateError } from "../errors.ts";
import { checkTransaction } from "../option-checks.ts";
import { followCommit, retryTransient } from "../retry-transient.ts";
import { promoteLocks } from "../sql/promote-locks.ts";
import { type QueueSql, queueSql, type TableNames } from "../sql/statement.ts";

/** Where a change is written. */
export interface ChangeTarget {
  readonly sql: QueueSql;
  /** A transaction of the caller goes on: what must follow the commit is left to the workers. */
  readonly inTransaction: boolean;
}

/** Reads and changes jobs in the caller's transaction, or each statement in its own. */
export class JobDatabase<Tx> {
  readonly #connector: Connector<Tx>;
  readonly #tables: TableNames;
  readonly pool: QueueSql;

  constructor(connector: Connector<Tx>, tables: TableNames) {
    this.#connector = connector;
    this.#tables = tables;
    this.pool = queueSql(connector.pool, tables);
  }

  /** @throws InvalidOptionError, ConnectorError when `tx` is no transaction. */
  reading(tx: Tx | undefined): QueueSql {
    if (tx === undefined) return this.pool;
    checkTransaction(tx);
    const sql = queueSql(this.#connector.using(tx), this.#tables);
    if (!sql.isBatch) return sql;
    const fix = "is a batch, which commits before it answers. Use an interactive transaction.";
    throw new InvalidOptionError("tx", tx, fix);
  }

  /**
   * Runs a change, and lets the next jobs of the locks run that it may have freed, which a statement of its own must do
   * after the commit. Without `tx` a deadlock or a serialization failure is tried again.
   */
  async change<T extends { readonly locks: readonly string[] }>(
    tx: Tx | undefined,
    work: (target: ChangeTarget) => Promise<T>,
  ): Promise<T> {
    const sql = this.reading(tx);
    if (tx !== undefined) return work({ sql, inTransaction: true });
    const changed = await retryTransient(() => work({ sql, inTransaction: false }));
    if (changed.locks.length > 0) await followCommit(() => promoteLocks(sql, changed.locks));
    return changed;
  }

  /** Runs statements in the caller's transaction, or in one of their own. */
  async together<T>(tx: Tx | undefined, work: (sql: QueueSql) => Promise<T>): Promise<T> {
    if (tx !== undefined) return work(this.reading(tx));
    return retryTransient(async () => {
      try {
        return await this.#connector.transaction((own) => work(this.reading(own)));
      } catch (error) {
        // What goes wrong with begin and commit comes bare from the driver.
        throw error instanceof ProcrastinateError ? error : new DatabaseError("retry_jobs", error);
      }
    });
  }
}
