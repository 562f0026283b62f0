import type { SqlStatement, SqlValue } from "../src/connector.ts";
import { DatabaseError } from "../src/database-error.ts";

/** Sends statements over a pool, or over the connection of a transaction. */
export interface Sender {
  send(statement: SqlStatement, values: readonly SqlValue[], isPrepared: boolean): PromiseLike<unknown>;
  /** Whether the session is that of the connection, and no pooler's. */
  isDirect(): Promise<boolean>;
  /** Each statement is a transaction of its own, so that one that Postgres did not take can be sent again. */
  readonly isPool: boolean;
}

/**
 * Whether statements are prepared, where nobody said so: where no pooler shares sessions between transactions. Such a one
 * gives its clients process ids of its own, which are not those of the sessions that they work on. Asked once.
 */
export class Preparation {
  #isPrepared: boolean | undefined;
  #isAsking = false;

  /** @param isPrepared Undefined where that shall be found out. */
  constructor(isPrepared: boolean | undefined) {
    this.#isPrepared = isPrepared;
  }

  /** Sends a statement, prepared or not. */
  send(sender: Sender, statement: SqlStatement, values: readonly SqlValue[]): PromiseLike<unknown> {
    if (statement.preparedName === undefined || this.#isPrepared === false)
      return sender.send(statement, values, false);
    return this.#sendPrepared(sender, statement, values);
  }

  async #sendPrepared(sender: Sender, statement: SqlStatement, values: readonly SqlValue[]): Promise<unknown> {
    if (this.#isPrepared === undefined) await this.#ask(sender);
    if (!this.#isPrepared) return sender.send(statement, values, false);
    try {
      return await sender.send(statement, values, true);
    } catch (error) {
      if (!new DatabaseError(statement.name, error).isLostPreparation) throw error;
      // Somebody discards what sessions keep.
      this.#isPrepared = false;
      if (!sender.isPool) throw error;
      return sender.send(statement, values, false);
    }
  }

  /** Those who come meanwhile do not wait for it. */
  async #ask(sender: Sender): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      this.#isPrepared = await sender.isDirect();
    } catch (error) {
      // Nothing more can be sent there. Otherwise, on a pool, the statement itself will say why.
      if (!sender.isPool || new DatabaseError("find_session", error).isConnectionLoss) throw error;
    } finally {
      this.#isAsking = false;
    }
  }
}
